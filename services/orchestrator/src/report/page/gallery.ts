import type { GalleryPicture } from '@rift/contracts';
import { classNames } from '../data/classes.js';
import type { Evaluation, ReportInput } from '../input.js';
import { html, type Html } from './html.js';
import type { Section } from './parts.js';

/** Pictures shown of each network. */
const MOST_PICTURES = 24;

/** Adversarial pictures beside their originals, with the difference magnified. */
export function gallerySection(input: ReportInput): Section | undefined {
  const groups = [
    { title: 'Before: attacks on the original network', pictures: picturesOf(input.before) },
    { title: 'After: attacks on the resulting network', pictures: picturesOf(input.after) },
  ].filter(({ pictures }) => pictures.length > 0);
  if (groups.length === 0) return undefined;
  const size = input.network?.info.classes ?? input.dataset?.info.classes.length ?? 0;
  const names = classNames(input, size);
  return {
    id: 'gallery',
    title: 'What an attack looks like',
    body: html`<p>
        Original, adversarial image and their difference, which is magnified to the full range: the perturbation itself is all but
        invisible.
      </p>
      ${groups.map(
        ({ title, pictures }) =>
          html`<h3>${title}</h3>
            <div class="gallery">${pictures.slice(0, MOST_PICTURES).map((picture) => pictureCard(picture, names))}</div>`,
      )}`,
  };
}

function picturesOf(evaluations: readonly Evaluation[]): readonly GalleryPicture[] {
  return evaluations.flatMap(({ result }) => result.gallery);
}

function pictureCard(picture: GalleryPicture, names: readonly string[]): Html {
  const name = (label: number): string => names[label] ?? String(label);
  const fooled = picture.predictedAfter !== picture.label;
  const images = [
    { data: picture.originalPng, alt: `Image ${picture.index}, original: ${name(picture.label)}` },
    { data: picture.adversarialPng, alt: `Image ${picture.index}, adversarial: taken for ${name(picture.predictedAfter)}` },
    { data: picture.differencePng, alt: `Image ${picture.index}, difference magnified` },
  ];
  return html`<figure class="picture">
    <div>
      ${images.map(({ data, alt }) => html`<img src="data:image/png;base64,${Buffer.from(data).toString('base64')}" alt="${alt}" width="96" height="96" />`)}
    </div>
    <figcaption>
      <b>${name(picture.label)}</b>${picture.predictedBefore !== picture.label && html` (taken for ${name(picture.predictedBefore)})`} →
      ${fooled ? html`<b class="loss">${name(picture.predictedAfter)}</b>` : html`<b class="gain">${name(picture.predictedAfter)}</b>, held`}
      <small>image ${picture.index}</small>
    </figcaption>
  </figure>`;
}
