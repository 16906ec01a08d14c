import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { Controller, Get, Inject, Param, Put, Req, Res, UnsupportedMediaTypeException, UseGuards } from '@nestjs/common';
import { NotFound } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { ArtifactService } from '../artifacts/artifact-service.js';
import { AccessGuard, Needs } from '../http/needs.js';
import { encodeMessage, type Json } from './encode.js';
import { noQuery } from './request.js';

/** "bytes=1000-": a download that goes on where it was. */
const RANGE = /^bytes=(\d{1,15})-$/;

/** Artifacts over HTTP. */
@Controller('api/v1/artifacts')
@UseGuards(AccessGuard)
export class ArtifactsRest {
  constructor(@Inject(ArtifactService) private readonly artifacts: ArtifactService) {}

  /** Takes a file; its bytes go to the store as they come. */
  @Put(':digest')
  @Needs('submit')
  async upload(@Param('digest') digest: string, @Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<Json> {
    noQuery(request);
    if (request.is('application/octet-stream') === false)
      throw new UnsupportedMediaTypeException('send the bytes as application/octet-stream');
    const stored = await this.artifacts.receive(digest, request);
    response.status(stored.existed ? 200 : 201);
    return encodeMessage('rift.orchestrator.v1.UploadResponse', stored);
  }

  /** Sends a file, or what of it follows an offset. */
  @Get(':digest')
  @Needs('read')
  async download(@Param('digest') digest: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    noQuery(request);
    await sendArtifact(this.artifacts, digest, request, response);
  }
}

/**
 * Answers with an artifact. It never changes, so it may be kept for ever.
 *
 * @param fileName name under which a browser keeps it.
 * @throws NotFound
 */
export async function sendArtifact(
  artifacts: ArtifactService,
  digest: string,
  request: Request,
  response: Response,
  fileName = digest,
): Promise<void> {
  const { exists, size } = await artifacts.stat(digest);
  if (!exists) throw new NotFound('artifact', digest, 'it was never stored, or collected since nothing refers to it any more');
  const wanted = RANGE.exec(request.headers.range ?? '')?.[1];
  const offset = Number(wanted ?? 0);
  response.attachment(fileName).set({
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
    'cache-control': 'private, max-age=31536000, immutable',
  });
  if (wanted !== undefined && offset >= size) {
    response.status(416).set('content-range', `bytes */${size}`).end();
    return;
  }
  if (wanted !== undefined) response.status(206).set('content-range', `bytes ${offset}-${size - 1}/${size}`);
  response.set('content-length', String(size - offset));
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const pieces = artifacts.download(digest, offset);
  const source = Readable.from(
    (async function* () {
      for await (const { chunk } of pieces) yield chunk;
    })(),
  );
  await pipeline(source, response).catch((error: unknown) => {
    // A reader that goes away is nobody's fault; everything else breaks the connection, since the status is sent.
    if (!response.destroyed) response.destroy(error instanceof Error ? error : undefined);
  });
}
