import type { Profile } from '@rift/contracts';
import { choicesOf, type ProfileChoices } from '@rift/orchestrator/profiles';

import { usageError } from '../errors.js';

/** Every choice of a profile, as the orchestrator's own plans make them. @throws a usage error for no profile */
export function requireChoices(chosen: Profile): ProfileChoices {
  const choices = choicesOf(chosen);
  if (choices === undefined) throw usageError('--profile must be paper, code or sound.');
  return choices;
}
