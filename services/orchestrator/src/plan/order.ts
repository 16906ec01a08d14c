import type { Stage } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';

/**
 * Orders stages so that each comes after all it names in `after`; stages that do not depend on each other keep the plan's order.
 *
 * @param stages stages with unique identifiers whose `after` names only stages of the list.
 * @throws InvalidArgument naming the stages of a cycle.
 */
export function orderStages(stages: readonly Stage[]): Stage[] {
  const placed = new Set<string>();
  const ordered: Stage[] = [];
  let remaining = [...stages];
  while (remaining.length > 0) {
    const ready = remaining.filter((stage) => stage.after.every((id) => placed.has(id)));
    if (ready.length === 0) throw cycle(stages, remaining);
    for (const stage of ready) placed.add(stage.id);
    ordered.push(...ready);
    remaining = remaining.filter((stage) => !placed.has(stage.id));
  }
  return ordered;
}

/** Walks back from any stage that could not be placed until one repeats: that part of the walk is a cycle. */
function cycle(stages: readonly Stage[], stuck: readonly Stage[]): InvalidArgument {
  const waiting = new Map(stuck.map((stage) => [stage.id, stage]));
  const walk: string[] = [];
  let id = stuck[0]?.id ?? '';
  while (!walk.includes(id)) {
    walk.push(id);
    id = waiting.get(id)?.after.find((before) => waiting.has(before)) ?? id;
  }
  const loop = [...walk.slice(walk.indexOf(id)), id].reverse();
  const index = stages.findIndex((stage) => stage.id === id);
  return new InvalidArgument(`plan.stages[${index}].after`, loop.join(' -> '), 'must not lead back to the stage itself');
}
