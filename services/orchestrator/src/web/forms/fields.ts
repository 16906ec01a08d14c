import type { Violation } from '@rift/service-kit';
import { html, Html, type Content } from '../../report/page/html.js';

/** What a form holds: the values given so far and what is wrong with them. */
export interface FormState {
  readonly values: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  /** What is wrong that is no field's fault alone, as a sentence. */
  readonly problem?: string;
}

/** A form nobody has filled in. */
export const UNTOUCHED: FormState = { values: {}, violations: [] };

/** A field of a form. Its name is the field's path in the request, so that what is wrong with it stands beside it. */
export interface FieldOptions {
  readonly name: string;
  readonly label: string;
  readonly hint?: Content;
  readonly fallback?: string;
}

/** The rule that a field breaks; rules of fields within it count too. */
function wrongOf({ violations }: FormState, name: string): string | undefined {
  return violations.find(({ field }) => field === name || field.startsWith(`${name}.`) || field.startsWith(`${name}[`))?.rule;
}

/** A label, a control and what is wrong, joined for those who listen. */
function framed(form: FormState, { name, label, hint }: FieldOptions, control: (attributes: Html) => Content): Html {
  const wrong = wrongOf(form, name);
  const described = [hint !== undefined && `${name}-hint`, wrong !== undefined && `${name}-wrong`].filter((id) => id !== false).join(' ');
  const attributes = html`id="${name}" name="${name}" ${described !== '' && html`aria-describedby="${described}"`}
  ${wrong !== undefined && html`aria-invalid="true"`}`;
  return html`<div class="field">
    <label for="${name}">${label}</label>
    ${control(attributes)} ${wrong !== undefined && html`<span class="wrong" id="${name}-wrong">${wrong}</span>`}
    ${hint !== undefined && html`<span class="hint" id="${name}-hint">${hint}</span>`}
  </div>`;
}

/** A line of text or a number. */
export function textField(
  form: FormState,
  options: FieldOptions & { readonly type?: 'text' | 'number' | 'password'; readonly required?: boolean; readonly placeholder?: string },
): Html {
  const { name, fallback = '', type = 'text', required = false, placeholder } = options;
  const value = form.values[name] ?? fallback;
  const number = type === 'number' && new Html('inputmode="numeric" min="0" step="1"');
  return framed(
    form,
    options,
    (attributes) =>
      html`<input
        type="${type}"
        ${attributes}
        value="${value}"
        ${number}
        ${required && new Html('required')}
        ${placeholder !== undefined && html`placeholder="${placeholder}"`}
        autocomplete="off"
      />`,
  );
}

/** One of a list. */
export function selectField(
  form: FormState,
  options: FieldOptions & { readonly choices: readonly (readonly [value: string, words: string])[] },
): Html {
  const { name, fallback = '', choices } = options;
  const chosen = form.values[name] ?? fallback;
  return framed(
    form,
    options,
    (attributes) =>
      html`<select ${attributes}>
        ${choices.map(([value, words]) => html`<option value="${value}" ${value === chosen && new Html('selected')}>${words}</option>`)}
      </select>`,
  );
}

/** A file. */
export function fileField(form: FormState, options: FieldOptions & { readonly accept: string }): Html {
  return framed(form, options, (attributes) => html`<input type="file" ${attributes} accept="${options.accept}" required />`);
}

/** One of a few, each with a sentence. */
export function choiceField(
  form: FormState,
  {
    name,
    label,
    fallback = '',
    choices,
  }: FieldOptions & { readonly choices: readonly (readonly [value: string, words: string, meaning: string])[] },
): Html {
  const chosen = form.values[name] ?? fallback;
  const wrong = wrongOf(form, name);
  return html`<div class="field" role="radiogroup" aria-label="${label}">
    <div class="choices">
      ${choices.map(
        ([value, words, meaning]) =>
          html`<label class="choice"
            ><input type="radio" name="${name}" value="${value}" ${value === chosen && new Html('checked')} /><b>${words}</b
            ><small>${meaning}</small></label
          >`,
      )}
    </div>
    ${wrong !== undefined && html`<span class="wrong">${wrong}</span>`}
  </div>`;
}

/** Yes or no. */
export function tickField(form: FormState, { name, label }: FieldOptions): Html {
  return html`<label class="tick"
    ><input type="checkbox" name="${name}" value="true" ${form.values[name] === 'true' && new Html('checked')} />${label}</label
  >`;
}

/** What is wrong with fields that the form does not show, and that something is wrong at all. */
export function wrongNotice(form: FormState, shown: readonly string[]): Content {
  if (form.problem !== undefined) {
    return html`<section class="notice" role="alert" aria-label="What is wrong">
      <p><b>This could not be done.</b> ${form.problem}</p>
    </section>`;
  }
  if (form.violations.length === 0) return null;
  const elsewhere = form.violations.filter(({ field }) => !shown.some((name) => field === name || field.startsWith(`${name}.`)));
  return html`<section class="notice" role="alert" aria-label="What is wrong">
    <p><b>This cannot be done yet.</b> ${elsewhere.length < form.violations.length ? 'See the fields that are marked.' : ''}</p>
    ${
      elsewhere.length > 0 &&
      html`<ul>
        ${elsewhere.map(({ field, value, rule }) => html`<li><code>${field}</code>${value !== '' && html` (${value})`}: ${rule}</li>`)}
      </ul>`
    }
  </section>`;
}
