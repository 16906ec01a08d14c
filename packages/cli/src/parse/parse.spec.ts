import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '../errors.js';
import { parseDevice, parseEndpoint } from './device.js';
import { editDistance, nearest } from './nearest.js';
import { alphas, decimal, epsilon, fraction, integer } from './numbers.js';
import { parsePreprocess } from './preprocess.js';
import { ATTACKS, METHODS, PROFILES, choose, chooseList, wordFor, wordsOf } from './vocabulary.js';

const refuses = (action: () => unknown, pattern: RegExp): void => {
  assert.throws(action, (error) => error instanceof UsageError && pattern.test(error.message));
};

describe('radii', () => {
  const parse = epsilon('--eps');

  it('are decimals or fractions', () => {
    assert.equal(parse('8/255'), 8 / 255);
    assert.equal(parse('0.031'), 0.031);
    assert.equal(parse('.5'), 0.5);
    assert.equal(parse('3.1e-2'), 0.031);
    assert.equal(parse('0'), 0);
  });

  it('are refused with the value, and whole grey levels with the fraction that was meant', () => {
    refuses(() => parse('8'), /--eps 8 .*Did you mean 8\/255\?/);
    for (const text of ['', 'abc', '8/', '/255', '8/0', '1/2/3', '0x10', 'NaN', 'Infinity', '8 /x']) {
      refuses(() => parse(text), /is not a number/);
    }
    refuses(() => parse('-0.1'), /at least 0/);
  });

  it('may be large in other norms', () => {
    assert.equal(parse('12.5'), 12.5);
  });
});

describe('numbers', () => {
  it('are refused out of range with the range', () => {
    assert.equal(integer('--limit', { min: 1 })('12'), 12);
    refuses(() => integer('--limit', { min: 1 })('0'), /--limit 0 is out of range: it must be at least 1\./);
    refuses(() => integer('--limit')('1.5'), /whole number/);
    refuses(() => integer('--limit')('1e3'), /whole number/);
    refuses(() => integer('--limit')('99999999999999999999'), /whole number/);
    refuses(() => decimal('--lr', { above: 0 })('0'), /greater than 0/);
  });

  it('given in percent where a fraction is meant are refused with the fraction', () => {
    assert.equal(fraction('--min-robust')('0.45'), 0.45);
    refuses(() => fraction('--min-robust')('45'), /Did you mean 0\.45\?/);
  });
});

describe('alphas', () => {
  const parse = alphas('--alphas');

  it('come from a range without binary drift', () => {
    assert.deepEqual(parse('0:1:0.1'), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    assert.deepEqual(parse('0:1:0.25'), [0, 0.25, 0.5, 0.75, 1]);
  });

  it('always hold both ends, rise and do not repeat', () => {
    assert.deepEqual(parse('0.6,0.2,0.6'), [0, 0.2, 0.6, 1]);
    assert.deepEqual(parse('0.4:0.6:0.1'), [0, 0.4, 0.5, 0.6, 1]);
  });

  it('outside [0, 1], backwards or in steps of nothing are refused', () => {
    for (const text of ['0:1', '1:0:0.1', '0:1:0', '0:2:0.5', '-0.1,1', '0:1:0.1:2', 'x']) refuses(() => parse(text), /--alphas/);
  });
});

describe('normalisation', () => {
  it('is a published name or mean/std', () => {
    assert.deepEqual(parsePreprocess('cifar10').mean, [0.4914, 0.4822, 0.4465]);
    assert.deepEqual(parsePreprocess('none'), { name: 'none', mean: [], standardDeviation: [] });
    assert.deepEqual(parsePreprocess('0.1,0.2,0.3/0.4,0.5,0.6'), {
      name: 'custom',
      mean: [0.1, 0.2, 0.3],
      standardDeviation: [0.4, 0.5, 0.6],
    });
    assert.deepEqual(parsePreprocess('0.5/0.25').standardDeviation, [0.25, 0.25, 0.25]);
  });

  it('is refused when it is neither, or divides by nothing', () => {
    refuses(() => parsePreprocess('cifar11'), /Did you mean cifar10/);
    refuses(() => parsePreprocess('0.5,0.5/1'), /one number or three/);
    refuses(() => parsePreprocess('0.5/0'), /greater than 0/);
    refuses(() => parsePreprocess('a/b'), /one number or three/);
    refuses(() => parsePreprocess('toString'), /is not known/);
  });
});

describe('names', () => {
  it('stand for the values of the contracts, both ways', () => {
    assert.equal(choose(ATTACKS, 'apgd-ce', '--attack'), 'ATTACK_KIND_APGD_CE');
    for (const [word, value] of Object.entries(METHODS)) assert.equal(wordFor(METHODS, value), word);
  });

  it('that are mistyped are refused with the nearest one, or with all', () => {
    refuses(() => choose(ATTACKS, 'pdg', '--attack'), /--attack "pdg" is not known\. Did you mean pgd\?/);
    refuses(() => choose(METHODS, 'trade', '--method'), /Did you mean trades\?/);
    refuses(() => choose(PROFILES, 'quick', '--profile'), /Choose one of paper, code, sound\./);
    refuses(() => choose(PROFILES, 'constructor', '--profile'), /Choose one of/);
  });

  it('in a list count once, and an empty entry is refused', () => {
    assert.deepEqual(chooseList(wordsOf(['a', 'b']), 'b,a,b', '--x'), ['b', 'a']);
    refuses(() => chooseList(wordsOf(['a', 'b']), 'a,,b', '--x'), /empty entry/);
  });

  it('are near when few letters differ', () => {
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('pdg', 'pgd'), 1);
    assert.equal(nearest('layer2.1.conv3', ['layer1.0.conv1', 'layer2.1.conv2']), 'layer2.1.conv2');
    assert.equal(nearest('zebra', ['pgd', 'fgsm']), undefined);
  });
});

describe('devices and endpoints', () => {
  it('have one form each', () => {
    for (const text of ['auto', 'cpu', 'cuda', 'cuda:1']) assert.equal(parseDevice(text), text);
    for (const text of ['127.0.0.1:50051', 'rift.example.org:443', '[::1]:50051']) assert.equal(parseEndpoint(text), text);
    for (const text of ['gpu', 'cuda:', 'cuda:x', '']) refuses(() => parseDevice(text), /--device/);
    for (const text of ['localhost', ':80', 'host:0', 'host:70000', 'http://host:80', '::1:80'])
      refuses(() => parseEndpoint(text), /HOST:PORT/);
  });
});
