import { html } from '../report/page/html.js';
import { textField, wrongNotice, type FormState } from './forms/fields.js';
import type { Page } from './layout.js';

/** The page on which a visitor shows a token. @param next where to go then */
export function loginPage(form: FormState, next: string): Page {
  return {
    title: 'Log in',
    place: 'none',
    body: html`<div class="narrow">
      ${wrongNotice(form, ['token'])}
      <form method="post" action="/login" class="sheet">
        <fieldset>
          <legend>Show a token</legend>
          <input type="hidden" name="next" value="${next}" />
          ${textField(form, {
            name: 'token',
            label: 'Token',
            type: 'password',
            required: true,
            hint: 'One of the tokens that the service was started with (RIFT_TOKENS). The browser keeps a session of twelve hours, not the token.',
          })}
        </fieldset>
        <div class="submit"><button class="primary">Log in</button></div>
      </form>
    </div>`,
  };
}

/** What went wrong, for people. */
export function errorPage(status: number, detail: string): Page {
  const title = status === 404 ? 'Not found' : status === 403 ? 'Not allowed' : status >= 500 ? 'Something broke' : 'This cannot be done';
  return {
    title,
    place: 'none',
    body: html`<section class="empty" aria-label="${title}">
      <p>${detail}</p>
      <p><a class="button" href="/runs">To the runs</a></p>
    </section>`,
  };
}
