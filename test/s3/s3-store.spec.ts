// The artifact store's rules against an S3 server that checks signatures, hashes and parts as the real ones do.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';

import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { openArtifactStore, type ArtifactStore } from '@rift/artifacts';
import { scratchFolder, storeRules } from '@rift/artifacts/testing';
import { PermissionDenied } from '@rift/service-kit';

import { S3Server, findS3Server } from '../support/s3-server.js';

const BUCKET = 'artifacts';
const found = findS3Server();

describe('the S3 store on an S3 server', { skip: 'missing' in found ? found.missing : false }, () => {
  let server: S3Server;
  let client: S3Client;
  const places = new WeakMap<ArtifactStore, { prefix: string; cacheFolder: string }>();

  before(async () => {
    assert.ok('command' in found);
    server = await S3Server.start(found.command[0]);
    process.env['AWS_ACCESS_KEY_ID'] = S3Server.access;
    process.env['AWS_SECRET_ACCESS_KEY'] = S3Server.secret;
    client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  });
  after(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });

  async function open(t: TestContext, prefix: string = randomUUID()): Promise<ArtifactStore> {
    const cacheFolder = scratchFolder(t);
    const store = await openArtifactStore(`s3://${BUCKET}/${prefix}?endpoint=${server.endpoint}`, { cacheFolder });
    t.after(() => store.close());
    places.set(store, { prefix, cacheFolder });
    return store;
  }

  const objectOf = (digest: string): string => `objects/${digest.slice(0, 2)}/${digest.slice(2)}`;

  storeRules(open, async (store, digest, bytes) => {
    const { prefix, cacheFolder } = places.get(store) ?? assert.fail('a store that this file did not open');
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${prefix}/${objectOf(digest)}`, Body: bytes }));
    rmSync(join(cacheFolder, objectOf(digest)));
  });

  it('sends a large artifact in parts, and another machine reads the same bytes', async (t) => {
    const prefix = randomUUID();
    const bytes = randomBytes(40 << 20);
    const { digest } = await (await open(t, prefix)).putBytes(bytes);
    assert.ok(readFileSync(await (await open(t, prefix)).open(digest)).equals(bytes));
  });

  it('is refused with the wrong key, and says so', async (t) => {
    const store = await open(t);
    const right = process.env['AWS_SECRET_ACCESS_KEY'];
    process.env['AWS_SECRET_ACCESS_KEY'] = 'wrong';
    try {
      const stranger = await open(t);
      await assert.rejects(stranger.putBytes(Buffer.from('x')), PermissionDenied);
    } finally {
      process.env['AWS_SECRET_ACCESS_KEY'] = right;
    }
    await store.putBytes(Buffer.from('x'));
  });
});
