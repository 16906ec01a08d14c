import type { AttackKind, AttackStage } from '@rift/contracts';
import { attackKindName } from '../report/data/names.js';

/** Share of images that Square may still find after gradient attacks (AutoAttack's own limit). */
const SQUARE_FINDS = 0.002;
const SQUARE: AttackKind = 'ATTACK_KIND_SQUARE';

/**
 * Fills in the signs of the stages of an attack over all its images, in the engine's words: they follow from counts alone, so that
 * ranges of images whose counts were added up get the signs of the whole (test/golden/attacks/flags.json holds both sides to it).
 *
 * @param images images attacked, the wrong ones included.
 */
export function stageFlags(stages: readonly AttackStage[], images: number): AttackStage[] {
  return stages.map((stage, at) => ({ ...stage, flags: [...zeroFlag(stage), ...squareFlag(stages.slice(0, at), stage, images)] }));
}

function zeroFlag({ kind, zeroGradients }: AttackStage): string[] {
  if (zeroGradients === 0) return [];
  return [
    `${attackKindName(kind)} met a gradient of zero at its start ${zeroGradients} times, so gradient attacks may overrate the network; ` +
      'look for saturated logits or a step without gradient',
  ];
}

function squareFlag(before: readonly AttackStage[], { kind, robust }: AttackStage, images: number): string[] {
  if (kind !== SQUARE || before.length === 0) return [];
  const left = Math.min(...before.map((stage) => stage.robust));
  const found = Math.max(0, left - robust) / Math.max(1, images);
  if (found <= SQUARE_FINDS) return [];
  return [
    `Square lowered robust accuracy by ${(100 * found).toFixed(2)} points after the gradient attacks, a sign of gradient masking; ` +
      'use an attack adapted to the network',
  ];
}
