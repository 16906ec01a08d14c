import { html } from './html.js';
import { facts, type Section } from './parts.js';

const TERMS: readonly (readonly [string, string])[] = [
  ['Standard accuracy', 'Share of ordinary, clean images that the network classifies right.'],
  ['Adversarial example', 'An image changed on purpose, so little that people do not notice, so that the network gets it wrong.'],
  [
    'Adversarial accuracy',
    'Share of images that stay right whatever the attack tries. With restarts, an image counts only if it survives all of them.',
  ],
  ['Threat model', 'What the attacker may do. “L∞, ε = 8/255” means: change every pixel by at most 8 of 255 steps.'],
  [
    'PGD',
    'Projected gradient descent: the attack climbs the loss in small steps and stays within the threat model. PGD-10 takes ten steps.',
  ],
  ['AutoAttack', 'A fixed list of four strong attacks without knobs (Croce & Hein 2020); the usual yardstick.'],
  ['Corruptions', 'Noise, blur, weather and compression of five severities (CIFAR-10-C): changes that happen by themselves.'],
  ['Module', 'One convolution or linear weight of the network.'],
  [
    'MRC',
    'Module robust criticality: how much the loss under attack can rise when this one module’s weights move by a tenth of their norm. Small means that the module hardly matters for robustness.',
  ],
  ['Fine-tuning', 'Training a little further, here on clean images and of the least critical module only.'],
  ['Alpha (α)', 'Position on the straight line between the original weights (0) and the fine-tuned ones (1).'],
  ['95 % interval (CI)', 'A range that holds the true value in 95 of 100 repetitions with other images of the same kind.'],
  ['Paired difference', 'Comparison image by image: only images whose outcome flips count, so that small changes can be told from chance.'],
  [
    'McNemar p',
    'Probability of flips at least as one-sided as seen, were gains and losses equally likely. Below 0.05 is called significant here.',
  ],
  ['Non-inferior', 'Losing more than the margin is ruled out at one-sided 95 %. It says more than “no significant change”.'],
  ['Points', 'Percentage points: from 81 % to 83 % are 2 points.'],
];

/** The words of this report, for newcomers. */
export function glossarySection(): Section {
  return { id: 'glossary', title: 'Words used here', body: html`${facts(TERMS)}` };
}
