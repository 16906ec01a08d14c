import type { Request, Response } from 'express';
import multer from 'multer';
import { InvalidArgument } from '@rift/service-kit';
import type { ArtifactService } from '../artifacts/artifact-service.js';

/** A file that came with a form and is in the store now. */
export interface UploadedFile {
  readonly digest: string;
  readonly name: string;
}

const TEXT_LIMIT = 64 << 10;

/**
 * Reads a form with a file; its bytes go to the store as they come, its texts to the request's body.
 *
 * @throws InvalidArgument without a file.
 */
export async function receiveForm(request: Request, response: Response, artifacts: ArtifactService): Promise<UploadedFile> {
  let stored: UploadedFile | undefined;
  const storage: multer.StorageEngine = {
    _handleFile: (_request, file, done) => {
      artifacts.store.putStream(file.stream).then(
        ({ digest, size }) => {
          stored = { digest, name: file.originalname };
          done(null, { size });
        },
        (error: unknown) => done(error),
      );
    },
    // What is stored already is collected like everything that nothing refers to.
    _removeFile: (_request, _file, done) => done(null),
  };
  const read = multer({ storage, limits: { files: 1, fields: 40, fieldSize: TEXT_LIMIT } }).single('file');
  await new Promise<void>((resolve, reject) => {
    void read(request, response, (error: unknown) => {
      if (error === undefined || error === null) resolve();
      else if (error instanceof multer.MulterError) reject(new InvalidArgument(error.field ?? 'form', '', error.message));
      else reject(error instanceof Error ? error : new Error('the upload failed', { cause: error }));
    });
  });
  if (stored === undefined || stored.name === '') throw new InvalidArgument('file', '', 'choose a file');
  return stored;
}
