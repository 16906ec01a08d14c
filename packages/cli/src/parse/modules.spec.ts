import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '../errors.js';
import { learningRates, moduleGroups, modulesChoice } from './modules.js';

describe('modulesChoice', () => {
  it('knows every way to choose modules', () => {
    const rule = (name: string, count: number, candidates = 0) => ({ kind: 'rule', rule: name, count, candidates });
    assert.deepEqual(modulesChoice('all'), { kind: 'scope', scope: 'FINE_TUNE_SCOPE_ALL' });
    assert.deepEqual(modulesChoice('last'), { kind: 'scope', scope: 'FINE_TUNE_SCOPE_LAST' });
    assert.deepEqual(modulesChoice('least'), rule('MODULE_RULE_LEAST_CRITICAL', 1));
    assert.deepEqual(modulesChoice('most'), rule('MODULE_RULE_MOST_CRITICAL', 1));
    assert.deepEqual(modulesChoice('top:3'), rule('MODULE_RULE_LEAST_CRITICAL', 3));
    assert.deepEqual(modulesChoice('greedy:3'), rule('MODULE_RULE_GREEDY', 3));
    assert.deepEqual(modulesChoice('greedy:2:5'), rule('MODULE_RULE_GREEDY', 2, 5));
    assert.deepEqual(modulesChoice('conv1, linear'), { kind: 'named', modules: ['conv1', 'linear'] });
  });

  it('refuses numbers that mean nothing, and empty names', () => {
    for (const wrong of ['top', 'top:0', 'top:x', 'top:2:3', 'all:2', 'greedy', 'greedy:30', 'conv1,,linear']) {
      assert.throws(() => modulesChoice(wrong), UsageError, wrong);
    }
  });
});

describe('moduleGroups', () => {
  it('reads named groups of modules', () => {
    assert.deepEqual(moduleGroups('early=conv1+layer1.0.conv1, head=linear'), [
      { name: 'early', modules: ['conv1', 'layer1.0.conv1'] },
      { name: 'head', modules: ['linear'] },
    ]);
  });

  it('refuses what is no group', () => {
    for (const wrong of ['conv1', 'a=', '=conv1', 'a=conv1+', 'a=b=c']) assert.throws(() => moduleGroups(wrong), UsageError, wrong);
  });
});

describe('learningRates', () => {
  it('puts rates in rising order, each once', () => {
    assert.deepEqual(learningRates('0.01,0.001,1e-2'), [0.001, 0.01]);
  });

  it('refuses a single rate and one that is not above 0', () => {
    for (const wrong of ['0.1', '0,0.1', 'fast,slow']) assert.throws(() => learningRates(wrong), UsageError, wrong);
  });
});
