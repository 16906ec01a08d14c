import { realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';

import { FailedPrecondition, InvalidArgument, NotFound } from '@rift/service-kit';

function isInside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** The folder that data sets may be imported from. */
export class ImportRoot {
  /** @param root absolute path; undefined where the operator allows no import */
  constructor(private readonly root: string | undefined) {}

  /**
   * The real path of a folder inside the root.
   * @param path absolute, as the caller sent it
   * @throws InvalidArgument when it leads out of the root, by its text or through a symbolic link
   */
  async inside(path: string): Promise<string> {
    if (this.root === undefined) {
      throw new FailedPrecondition(
        'ImportDataset',
        'this service imports from no folder; set RIFT_IMPORT_ROOT to the folder that holds the data sets',
      );
    }
    const refusal = new InvalidArgument('path', path, `must be inside ${this.root}, from where this service may import`);
    // By its text first, so that nothing outside the root is even looked at.
    if (!isInside(resolve(path), resolve(this.root))) throw refusal;
    const root = await existing(this.root, () => new FailedPrecondition('RIFT_IMPORT_ROOT', `${this.root ?? ''} does not exist`));
    const real = await existing(path, () => new NotFound('folder', path, 'the path is one of the file system of the service'));
    if (!isInside(real, root)) throw refusal;
    return real;
  }
}

async function existing(path: string, missing: () => Error): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw code === 'ENOENT' || code === 'ENOTDIR' ? missing() : error;
  }
}
