import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { StudyDocument } from './document.js';
import { picturesOf } from './pictures.js';
import { studyMarkdown } from './render.js';

/** The files of a study: data, text and pictures. */
export interface StudyFiles {
  readonly data: string;
  readonly text: string;
  readonly pictures: readonly string[];
}

/** Writes a study, each file whole or not at all. */
export async function writeStudy(folder: string, document: StudyDocument): Promise<StudyFiles> {
  const pictures = picturesOf(document);
  const names = Object.keys(pictures);
  const data = join(folder, `${document.study}.json`);
  const text = join(folder, `${document.study}.md`);
  await Promise.all(Object.entries(pictures).map(([name, svg]) => writeWhole(join(folder, name), svg)));
  await writeWhole(data, `${JSON.stringify(document, null, 2)}\n`);
  await writeWhole(text, studyMarkdown(document, names));
  return { data, text, pictures: names.map((name) => join(folder, name)) };
}

async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
