import type { StageResultInput } from '@rift/contracts';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { CliFixture } from './testing/fixture.js';
import { ATTACK_AUDIT, NETWORK_DIGEST, attackResult, documentOf, outcome } from './testing/run-cli.js';

describe('commands that measure', () => {
  const cli = new CliFixture();

  it('attack asks for exactly the attack that was typed and prints its outcome', async () => {
    cli.fake.resultsOf = () => ({ attack: attackResult(50) });
    const flags =
      '--attack pgd --eps 8/255 --step 2/255 --steps 10 --restarts 3 --to-the-end --split test --limit 100 --seed 7 --device cpu --threads 2 --precision fp32 --plain --memory 512';
    const result = await cli.run('attack', '--network', 'net', '--data', 'pictures', ...flags.split(' '), '--per-sample', '--json');
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result);
    assert.equal(document['accuracy'], 0.5);
    assert.deepEqual(
      [document['correct'], document['total'], document['maxPerturbation'], document['imagesPerSecond']],
      [50, 100, 0.0313, 1234],
    );
    const perSample = document['perSample'] as number[];
    assert.deepEqual([perSample.length, perSample.reduce((sum, one) => sum + one, 0)], [100, 50]);
    const { settings } = cli.created();
    assert.deepEqual(
      [
        settings?.network,
        settings?.dataset,
        settings?.seed,
        settings?.compute?.device,
        settings?.compute?.threads,
        settings?.compute?.precision,
        settings?.compute?.plain,
        settings?.compute?.memoryMib,
      ],
      [NETWORK_DIGEST, 'pictures', 7, 'cpu', 2, 'PRECISION_FP32', true, 512],
    );
    const evaluate = cli.plan().stages[0]?.evaluate;
    assert.deepEqual(evaluate?.data, { split: 'test', offset: 0, limit: 100 });
    const attack = evaluate?.spec?.attacks[0];
    assert.deepEqual(
      [attack?.kind, attack?.steps, attack?.restarts, attack?.toTheEnd, attack?.randomStart],
      ['ATTACK_KIND_PGD', 10, 3, true, true],
    );
    assert.ok(Math.abs((attack?.stepSize ?? 0) - 2 / 255) < 1e-12);
  });

  it('without --json accuracies are percent with an interval, and progress goes to standard error', async () => {
    cli.fake.resultsOf = () => ({ attack: attackResult(50) });
    const result = await cli.run('attack', '--network', 'net', '--data', 'pictures', '--limit', '100');
    assert.match(result.stdout, /under attack\s+50\.00 % \[40\.38, 59\.62\]/);
    assert.match(result.stderr, /attack: done/);
    assert.doesNotMatch(result.stdout, /done/);
  });

  it('--quiet says nothing but the result', async () => {
    cli.fake.resultsOf = () => ({ attack: attackResult(50) });
    assert.equal((await cli.run('attack', '--network', 'net', '--data', 'pictures', '--quiet')).stderr, '');
  });

  it('a gate that fails ends with 6 after the result, one that holds with 0', async () => {
    cli.fake.resultsOf = () => ({ attack: attackResult(50) });
    const failed = await cli.run('attack', '--network', 'net', '--data', 'pictures', '--min-robust', '0.51', '--json');
    assert.equal(failed.code, 6);
    assert.deepEqual(documentOf(failed)['gate'], {
      passed: false,
      failures: ['adversarial accuracy is 50.00 %, below the 51.00 % asked for'],
    });
    assert.match(failed.stderr, /below the 51\.00 %/);
    assert.equal((await cli.run('attack', '--network', 'net', '--data', 'pictures', '--min-robust', '0.5')).code, 0);
  });

  it('attack --save crafts a set and keeps it as safetensors and npz', async () => {
    const adv = Buffer.alloc(3 * 4);
    adv.writeFloatLE(0.5, 4);
    const header = Buffer.from(
      JSON.stringify({
        adv: { dtype: 'F32', shape: [1, 3, 1, 1], data_offsets: [0, 12] },
        y: { dtype: 'I64', shape: [1], data_offsets: [12, 20] },
        index: { dtype: 'I64', shape: [1], data_offsets: [20, 28] },
      }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const digest = cli.fake.store(Buffer.concat([length, header, adv, Buffer.alloc(16)]));
    cli.fake.resultsOf = () => ({
      attack: { craft: { digest, standard: outcome(80, 100), outcome: { outcome: outcome(40, 100), audit: ATTACK_AUDIT } } },
    });
    const result = await cli.run('attack', '--network', 'net', '--data', 'pictures', '--save', cli.folder, '--json');
    assert.equal(result.code, 0, result.stderr);
    assert.equal(cli.plan().stages[0]?.kind, 'craft');
    const npz = await readFile(cli.path('adversarial.npz'));
    assert.equal(npz.toString('latin1', 0, 4), 'PK\x03\x04');
    for (const name of ['adv.npy', 'y.npy', 'index.npy']) assert.ok(npz.includes(name));
    assert.ok(npz.includes("'shape': (1, 3, 1, 1)") && npz.includes("'shape': (1,)"));
    assert.equal(documentOf(result)['accuracy'], 0.4);
  });

  it('evaluate measures every part of the suite, corruptions in a stage of their own', async () => {
    const attack = (kind: 'ATTACK_KIND_PGD' | 'ATTACK_KIND_AUTOATTACK_STANDARD', correct: number) => ({
      ...{ attack: { kind, threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 }, steps: 10, restarts: 1 }, outcome: outcome(correct, 100) },
      stages: kind === 'ATTACK_KIND_PGD' ? [] : [{ kind: 'ATTACK_KIND_APGD_CE', robust: 45, seconds: 2 }],
    });
    cli.fake.resultsOf = () => ({
      evaluate: {
        evaluate: {
          standard: outcome(80, 100),
          attacks: [attack('ATTACK_KIND_PGD', 50), attack('ATTACK_KIND_AUTOATTACK_STANDARD', 44)] as never,
        },
      },
      corruptions: {
        evaluate: {
          corruptions: [
            { name: 'fog', severities: [1, 2, 3, 4, 5].map((severity) => ({ severity, outcome: outcome(80 - 10 * severity, 100) })) },
          ],
        },
      },
    });
    const result = await cli.run(
      'evaluate',
      '--network',
      'net',
      '--data',
      'pictures',
      '--suite',
      'standard,pgd,autoattack,ood',
      '--corruptions',
      'fog',
      '--ood-limit',
      '50',
      '--json',
    );
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result) as Record<
      string,
      { accuracy: number; ci95: number[]; total: number; stages: object[]; fog: number[] }
    >;
    assert.equal(document['standard']?.accuracy, 0.8);
    assert.equal(document['standard']?.ci95.length, 2);
    assert.equal(document['adversarial']?.accuracy, 0.5);
    assert.equal(document['autoattack']?.accuracy, 0.44);
    assert.deepEqual(document['autoattack']?.stages, [{ attack: 'apgd-ce', robust: 45, accuracy: 0.45, seconds: 2 }]);
    assert.deepEqual(document['corruptions']?.fog, [0.7, 0.6, 0.5, 0.4, 0.3]);
    assert.equal(document['ood']?.accuracy, 0.5);
    assert.equal(document['worstCase']?.accuracy, 0.44);
    const [main, ood] = cli.plan().stages;
    assert.deepEqual(
      main?.evaluate?.spec?.attacks.map(({ kind }) => kind),
      ['ATTACK_KIND_PGD', 'ATTACK_KIND_AUTOATTACK_STANDARD'],
    );
    assert.deepEqual(ood?.evaluate?.data, { split: 'test', offset: 0, limit: 50 });
  });

  it('evaluate takes the diagnostics, the decisive attack first and the base of the mean corruption error', async () => {
    const attack = {
      ...{ attack: { kind: 'ATTACK_KIND_AUTOATTACK_DECISIVE', threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 } } },
      ...{ outcome: outcome(44, 100), stages: [{ kind: 'ATTACK_KIND_APGD_T', robust: 44, seconds: 2 }] },
    };
    const check = { name: 'square', verdict: 'DIAGNOSTIC_VERDICT_FAIL', value: 0.1, limit: 0.005, finding: 'gradients are masked' };
    const diagnostics = {
      ...{ verdict: 'DIAGNOSTIC_VERDICT_FAIL', images: 80, checks: [check] },
      ladder: [{ name: '10 steps', outcome: outcome(40, 80) }],
    };
    const severities = [1, 2].map((severity) => ({ severity, outcome: outcome(80, 100) }));
    cli.fake.resultsOf = () => ({
      evaluate: { evaluate: { attacks: [attack] as never, diagnostics: diagnostics as never } },
      corruptions: { evaluate: { corruptions: [{ name: 'frost', severities }], notes: ['frost was generated'] } },
    });
    const base = cli.path('other.json');
    await writeFile(base, JSON.stringify({ corruptions: { frost: [0.6, 0.6] } }));
    const command = ['evaluate', '--network', 'net', '--data', 'pictures', '--suite', 'autoattack,ood,diagnostics', '--decisive-first'];
    const options = ['--corruptions', 'frost', '--severities', '1,2', '--diagnostics-limit', '80', '--mce-base', base];
    const result = await cli.run(...command, ...options, '--json');
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result);
    assert.deepEqual(document['diagnostics'], {
      ...{ verdict: 'fail', images: 80, checks: [{ ...check, verdict: 'fail' }] },
      ladder: [{ name: '10 steps', robust: 40, total: 80, accuracy: 0.5 }],
    });
    const { mce } = document['averages'] as { mce: { base: string; value: number } };
    assert.equal(mce.base, 'other');
    assert.ok(Math.abs(mce.value - 0.5) < 1e-12);
    assert.deepEqual(document['notes'], ['frost was generated']);
    const [main] = cli.plan().stages;
    assert.equal(main?.evaluate?.spec?.attacks[0]?.kind, 'ATTACK_KIND_AUTOATTACK_DECISIVE');
    assert.deepEqual(main.evaluate.spec.diagnostics, { threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 }, images: 80 });
    const text = await cli.run(...command, ...options);
    assert.match(text.stdout, /diagnostics on 80 images .*: fail/);
    assert.match(text.stdout, /mean corruption error against other: 50\.00 %/);
    assert.match(text.stdout, /Note: frost was generated\./);
  });

  it('evaluate refuses a base that is no evaluation under corruptions, and one without corruptions', async () => {
    const base = cli.path('wrong.json');
    await writeFile(base, JSON.stringify({ corruptions: { fog: [1.5] } }));
    const refused = await cli.run('evaluate', '--network', 'net', '--data', 'pictures', '--suite', 'ood', '--mce-base', base);
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /must hold "corruptions"/);
    assert.equal((await cli.run('evaluate', '--network', 'net', '--data', 'pictures', '--mce-base', base)).code, 2);
  });

  const criticality: StageResultInput = {
    criticality: {
      ...{ baseLoss: 1.5, baseAccuracy: 0.5 },
      modules: [
        { name: 'conv1', mrc: 0.9, robustAccuracyDrop: 0.3, perturbationRatio: 0.1, seconds: 2, standardError: 0.01 },
        { name: 'layer2.1.conv2', mrc: 0.1, robustAccuracyDrop: 0.02, perturbationRatio: 0.1, seconds: 3, standardError: 0.01 },
      ],
    },
  };

  it('criticality prints modules by rising MRC and takes the profile as the orchestrator has it', async () => {
    cli.fake.resultsOf = () => ({ criticality });
    const result = await cli.run(
      'mrc',
      '--network',
      'net',
      '--data',
      'pictures',
      '--split',
      'test',
      '--limit',
      '64',
      '--profile',
      'code',
      '--modules',
      'conv1,layer2.1.conv2',
      '--json',
    );
    assert.equal(result.code, 0, result.stderr);
    const document = documentOf(result);
    assert.equal(document['baseLoss'], 1.5);
    const modules = document['modules'] as {
      name: string;
      mrc: number;
      robustAccuracyDrop: number;
      perturbationRatio: number;
      seconds: number;
    }[];
    assert.deepEqual(
      modules.map(({ name, mrc }) => [name, mrc]),
      [
        ['layer2.1.conv2', 0.1],
        ['conv1', 0.9],
      ],
    );
    assert.equal(modules[0]?.seconds, 3);
    const [craft, measure] = cli.plan().stages;
    assert.deepEqual(craft?.craft?.data, { split: 'test', offset: 0, limit: 64 });
    assert.ok(Math.abs((craft?.craft?.spec?.attack?.stepSize ?? 0) - 2 / 225) < 1e-12);
    assert.equal(measure?.criticality?.spec?.ascent, 'ASCENT_METHOD_SGD_EPOCH');
    assert.deepEqual(measure?.criticality?.spec?.modules, ['conv1', 'layer2.1.conv2']);
  });

  it('criticality names the least critical module, and those that images or seeds cannot tell from it, by the rule of the method', async () => {
    const row = { robustAccuracyDrop: 0, perturbationRatio: 0.1, seconds: 1 };
    const modules = [
      { ...row, name: 'conv1', mrc: 0.1, standardError: 0.001, seedMrcs: [0.1, 0.1] },
      { ...row, name: 'layer2.1.conv2', mrc: 0.14, standardError: 0.05, seedMrcs: [0.14, 0.14] },
      { ...row, name: 'layer1.0.conv1', mrc: 0.15, standardError: 0.001, seedMrcs: [0.09, 0.15] },
      { ...row, name: 'linear', mrc: 0.3, standardError: 0.001, seedMrcs: [0.3, 0.3] },
      { ...row, name: 'layer3.0.conv1', mrc: NaN, standardError: NaN },
    ];
    cli.fake.resultsOf = () => ({ criticality: { criticality: { ...criticality.criticality, modules } } });
    const { stdout } = await cli.run('criticality', '--network', 'net', '--data', 'pictures');
    assert.match(stdout, /conv1 has the smallest criticality \(0\.100\) of 4 measured; tied .* with layer2\.1\.conv2, layer1\.0\.conv1; /);
    assert.match(stdout, /left out: layer3\.0\.conv1\./);
  });

  it('criticality on a ready set uploads it and needs no data set', async () => {
    cli.fake.resultsOf = () => ({ criticality });
    const set = cli.path('set.npz');
    await writeFile(set, 'pretends to be a set');
    const result = await cli.run('criticality', '--network', 'net', '--adversarial', set, '--json');
    assert.equal(result.code, 0, result.stderr);
    const [stage] = cli.plan().stages;
    assert.equal(stage?.criticality?.adversarialSet, 'digest');
    assert.equal(cli.fake.artifacts.get(stage?.criticality?.digest ?? '')?.toString(), 'pretends to be a set');
    assert.equal(cli.created().settings?.dataset, '');
  });

  it('a module that the network lacks is refused with the nearest name before a run begins', async () => {
    const result = await cli.run('criticality', '--network', 'net', '--data', 'pictures', '--modules', 'layer2.1.conv1');
    assert.equal(result.code, 4);
    assert.match(result.stderr, /did you mean layer2\.1\.conv2\?/);
    assert.equal(cli.fake.runs.size, 0);
  });

  it('unknown names are refused with the nearest registered one', async () => {
    const network = await cli.run('attack', '--network', 'nett', '--data', 'pictures');
    assert.deepEqual([network.code, /did you mean net\?/.test(network.stderr)], [4, true]);
    const data = await cli.run('attack', '--network', 'net', '--data', 'picture');
    assert.deepEqual([data.code, /did you mean pictures\?/.test(data.stderr)], [4, true]);
    const split = await cli.run('attack', '--network', 'net', '--data', 'pictures', '--split', 'tset');
    assert.deepEqual([split.code, /Did you mean test\?/.test(split.stderr)], [3, true]);
    const limit = await cli.run('attack', '--network', 'net', '--data', 'pictures', '--limit', '201');
    assert.deepEqual([limit.code, /must be at most 200/.test(limit.stderr)], [3, true]);
  });
});
