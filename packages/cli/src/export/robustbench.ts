import type { AttackOutcome, NetworkInfo, Run } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit/client';

import { usageError } from '../errors.js';
import { radius } from '../output/format.js';
import { nearest } from '../parse/nearest.js';

/** Names of architectures as RobustBench writes them. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  resnet18: 'ResNet-18',
  resnet34: 'ResNet-34',
  'wrn-34-10': 'WideResNet-34-10',
  'wrn-28-10': 'WideResNet-28-10',
  'wrn-28-10-silu': 'WideResNet-28-10',
  'preact-resnet18': 'PreActResNet-18',
};

/** What a run cannot know of the network and its paper. */
export const CLAIMS = ['link', 'name', 'authors', 'additional_data', 'dataset', 'venue', 'architecture', 'footnote'] as const;

/** Claims by name. */
export type Claims = Partial<Record<(typeof CLAIMS)[number], string>>;

/** Parser of NAME=VALUE for `--claim`, which may be repeated. @throws a usage error with the nearest name */
export function collectClaim(text: string, before: Claims = {}): Claims {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const known = CLAIMS.find((claim) => claim === name);
  if (known === undefined || at < 0) {
    const near = nearest(name, CLAIMS);
    throw usageError(
      `--claim ${JSON.stringify(text)} must be NAME=VALUE with one of ${CLAIMS.join(', ')}.${near === undefined || near === name ? '' : ` Did you mean ${near}?`}`,
    );
  }
  return { ...before, [known]: text.slice(at + 1) };
}

/** The evaluation that holds AutoAttack, of a run that measured with it; the last one where there are several. */
function autoAttackOf(run: Run) {
  const found = run.stages
    .map(({ result }) => result?.evaluate)
    .flatMap((evaluation) => {
      const attack = evaluation?.attacks.find((outcome) => outcome.attack?.kind === 'ATTACK_KIND_AUTOATTACK_STANDARD');
      return evaluation?.standard && attack?.outcome ? [{ standard: evaluation.standard, attack }] : [];
    })
    .at(-1);
  if (found === undefined) {
    throw new FailedPrecondition(
      `run ${run.id}`,
      'a record for RobustBench needs standard accuracy and AutoAttack; measure both with "rift evaluate --suite standard,autoattack" and export that run',
    );
  }
  return found;
}

/**
 * The result of a run as RobustBench's `model_info` files hold one: numbers as texts in percent, to two digits.
 *
 * @throws FailedPrecondition when the run has no AutoAttack result
 */
export function robustBenchRecord(run: Run, network: NetworkInfo, claims: Claims): Record<string, string | boolean | number> {
  const { standard, attack } = autoAttackOf(run);
  const percent = ({ correct, total }: { correct: number; total: number }): string => ((correct / Math.max(1, total)) * 100).toFixed(2);
  const robust = percent(attack.outcome ?? { correct: 0, total: 0 });
  return {
    link: '',
    name: run.name,
    authors: '',
    dataset: run.settings?.dataset ?? '',
    venue: '',
    architecture: ARCHITECTURES[network.arch] ?? network.arch,
    ...claims,
    additional_data: claims.additional_data === 'true',
    number_forward_passes: 1,
    eps: radius(attack.attack?.threatModel?.epsilon ?? 0),
    clean_acc: percent(standard),
    reported: robust,
    autoattack_acc: robust,
    footnote: [claims.footnote, footnoteOf(attack, network)].filter((text) => text !== undefined).join(' '),
    unreliable: attack.flags.length > 0,
  };
}

function footnoteOf({ outcome, flags }: AttackOutcome, { digest }: NetworkInfo): string {
  const images = `Measured on ${outcome?.total ?? 0} images; network ${digest}.`;
  return flags.length === 0 ? images : `${images} ${flags.join(' ')}`;
}
