import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { readConfig } from '../config.js';

describe('settings', () => {
  let folder = '';
  let own = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-settings-'));
    own = join(folder, 'xdg', 'rift', 'config.json');
    await mkdir(join(folder, 'xdg', 'rift'), { recursive: true });
    await writeFile(own, JSON.stringify({ threads: 3, seed: 3, device: 'cpu', tlsCa: 'ca.pem' }));
    await writeFile(join(folder, 'rift.json'), JSON.stringify({ threads: 2, seed: 2, home: 'state' }));
  });
  after(() => rm(folder, { recursive: true }));

  const read = (variables: Record<string, string> = {}) => readConfig({ XDG_CONFIG_HOME: join(folder, 'xdg'), ...variables }, folder);

  it('come from the environment, else from the folder’s file, else from the user’s own', () => {
    const { threads, seed, device, origins } = read({ RIFT_THREADS: '1' });
    assert.deepEqual([threads, seed, device], [1, 2, 'cpu']);
    assert.deepEqual(origins.get('threads'), { kind: 'variable', name: 'RIFT_THREADS' });
    assert.deepEqual(origins.get('seed'), { kind: 'file', name: join(folder, 'rift.json') });
    assert.deepEqual(origins.get('device'), { kind: 'file', name: own });
  });

  it('take a relative path from the folder of the file that holds it', () => {
    const { home, tlsCa } = read();
    assert.deepEqual([home, tlsCa], [join(folder, 'state'), join(folder, 'xdg', 'rift', 'ca.pem')]);
  });

  it('read the one file of RIFT_CONFIG and no other', async () => {
    const path = join(folder, 'other.json');
    await writeFile(path, JSON.stringify({ seed: 9 }));
    const { seed, threads } = read({ RIFT_CONFIG: path });
    assert.deepEqual([seed, threads], [9, undefined]);
    assert.throws(() => read({ RIFT_CONFIG: join(folder, 'none.json') }), /RIFT_CONFIG is .*none.json: there is no such file/);
  });

  it('refuse an unknown key with the nearest known one, and a wrong value with file and key', async () => {
    const path = join(folder, 'wrong.json');
    const refused = async (content: unknown, pattern: RegExp): Promise<void> => {
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
      assert.throws(() => read({ RIFT_CONFIG: path }), pattern);
    };
    await refused({ thread: 2 }, /sets "thread", which is not known\. Did you mean threads\?/);
    await refused({ token: 'secret' }, /name a file that holds it with "tokenFile"/);
    await refused({ threads: -1 }, /wrong\.json: threads -1 is out of range/);
    await refused({ device: 'gpu' }, /wrong\.json: device "gpu" is not known/);
    await refused({ device: ['cpu'] }, /device must be a text or a number/);
    await refused('{', /is no JSON document/);
    await refused([], /must hold a JSON object/);
    assert.throws(() => read({ RIFT_PRECISION: 'fp16' }), /RIFT_PRECISION "fp16" is not known\. Choose one of auto, fp32, bf16\./);
  });

  it('take the token from RIFT_TOKEN or the file of RIFT_TOKEN_FILE, not from both', async () => {
    const path = join(folder, 'token');
    await writeFile(path, 'secret\n');
    assert.equal(read({ RIFT_TOKEN_FILE: path }).token, 'secret');
    assert.equal(read({ RIFT_TOKEN: 'direct' }).token, 'direct');
    assert.throws(() => read({ RIFT_TOKEN: 'direct', RIFT_TOKEN_FILE: path }), /both set/);
    assert.throws(() => read({ RIFT_TOKEN_FILE: join(folder, 'none') }), /cannot be read/);
  });
});
