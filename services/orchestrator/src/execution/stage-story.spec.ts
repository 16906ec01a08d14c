import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expandPlan } from '../plan/expand.js';
import { outcomeOf, someDataset, someSettings } from '../testing/messages.js';
import { keyFigures } from './stage-figures.js';
import { beginLine, endLine, failureLine } from './stage-story.js';

const { stages } = expandPlan(someSettings(), someDataset());
const stageOf = (id: string) => stages.find((stage) => stage.id === id) ?? assert.fail(id);
const ALONE = { computed: 1, known: 0, retries: 0 };

describe('the lines of a stage in the log of its run', () => {
  it('say on which images it begins, and how long earlier attempts worked', () => {
    assert.equal(beginLine(stageOf('craft'), { state: 'QUEUED', seconds: 0 }), 'begins on 40 images of val');
    assert.equal(beginLine(stageOf('craft'), { state: 'RUNNING', seconds: 0 }), 'begins again on 40 images of val');
    assert.equal(
      beginLine(stageOf('craft'), { state: 'QUEUED', seconds: 12.34 }),
      'begins again on 40 images of val after 12 s of earlier work',
    );
    assert.equal(beginLine(stageOf('report'), { state: 'QUEUED', seconds: 0 }), 'begins');
  });

  it('tell at its end the time, how its units came about, and the key figures', () => {
    const craft = { digest: '', outcome: null, standard: outcomeOf([1, 1, 0, 1]) };
    const outcome = { result: { result: 'craft' as const, craft }, cached: false };
    assert.equal(endLine(outcome, 8.12, ALONE), 'done in 8.1 s: accuracy 75.0 %');
    assert.equal(
      endLine(outcome, 8.12, { computed: 4, known: 2, retries: 1 }),
      'done in 8.1 s, 4 of 6 units computed, 2 known before, 1 retry: accuracy 75.0 %',
    );
    assert.equal(
      endLine({ ...outcome, cached: true }, 0.1, { computed: 0, known: 6, retries: 0 }),
      'known from an earlier run: accuracy 75.0 %',
    );
    assert.equal(failureLine('no', 3), 'failed after 3.0 s: no');
  });

  it('leave out what was not measured, and say of a number that is none that it is none', () => {
    const epoch = { epoch: 1, learningRate: 0.1, loss: NaN, accuracy: 0.5, selectionStandard: 0.25, selectionAdversarial: -1, seconds: 1 };
    const fineTune = { digest: '', epochs: [epoch], chosenEpoch: 1, relativeChange: {}, sweep: [] };
    assert.deepEqual(
      keyFigures({ result: 'fineTune', fineTune }).map(({ text }) => text),
      ['epochs 1', 'kept epoch 1', 'loss not finite', 'held-out accuracy 25.0 %'],
    );
  });
});
