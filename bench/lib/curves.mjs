// How cost grows: the same work at several sizes, both sides at each of them. Curves have no targets.

import { attack, peerAttack } from './attack.mjs';
import { measured } from './criticality.mjs';
import { counted } from './words.mjs';

const FIVE = ['layer1.0.conv1', 'layer2.0.conv1', 'layer3.0.conv1', 'layer4.0.conv1', 'linear'];

const POINTS = {
  tiny: {
    images: [16, 32],
    batch: [16, 32],
    threads: [1],
    attacked: 32,
    modules: [['linear']],
    measured: [48],
    measuredModules: ['linear'],
  },
  full: {
    images: [64, 128, 256, 512, 1000],
    batch: [16, 32, 64, 128, 256],
    threads: [1, 2],
    attacked: 256,
    modules: [['linear'], FIVE, null],
    measured: [64, 128, 256],
    measuredModules: FIVE,
  },
};

function curve(id, title, points) {
  const sides = points.flatMap(({ point, pair }) => pair.map((side) => ({ ...side, point })));
  return { id, title, isCurve: true, sides };
}

function attacked({ limit, batchSize = 128, threads, isOurs }) {
  const common = { network: 'w16', limit, ...(threads && { threads }) };
  return isOurs
    ? { ...common, name: 'auto', side: 'ours', task: 'evaluate', attack: attack(), compute: { batchSize } }
    : { ...common, name: 'torchattacks', side: 'peer', task: 'attack', peer: 'torchattacks', attack: peerAttack({ batchSize }) };
}

const bothAttack = (point, settings) => ({ point, pair: [true, false].map((isOurs) => attacked({ ...settings, isOurs })) });
const bothMeasure = (point, settings) => ({
  point,
  pair: ['code', 'sound', undefined].map((profile) => measured({ ...settings, profile })),
});

/** The curves of a scale; `images` bounds the adversarial images that are there. */
export function curvesOf(scale, images) {
  const size = POINTS[scale];
  return [
    curve(
      'curve-images',
      'PGD-10 to the end, width 16, batches of 128, by images',
      size.images.map((limit) => bothAttack(`${limit} images`, { limit })),
    ),
    curve(
      'curve-batch',
      `PGD-10 to the end, width 16, ${size.attacked} images, by batch size`,
      size.batch.map((batchSize) => bothAttack(`batches of ${batchSize}`, { limit: size.attacked, batchSize })),
    ),
    curve(
      'curve-threads',
      `PGD-10 to the end, width 16, ${size.attacked} images, by threads`,
      size.threads.map((threads) => bothAttack(counted(threads, 'thread'), { limit: size.attacked, threads })),
    ),
    curve(
      'curve-mrc-images',
      `MRC of ${counted(size.measuredModules.length, 'module')}, width 16, by images`,
      size.measured.map((count) => bothMeasure(`${count} images`, { images: count, modules: size.measuredModules })),
    ),
    curve(
      'curve-mrc-modules',
      `MRC, width 16, ${Math.min(128, images)} images, by modules`,
      size.modules.map((modules) => bothMeasure(counted(modules?.length ?? 21, 'module'), { images: Math.min(128, images), modules })),
    ),
  ];
}
