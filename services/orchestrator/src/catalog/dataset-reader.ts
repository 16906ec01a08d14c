import type { ArtifactStore } from '@rift/artifacts';
import type { DatasetInfo, SplitInfo } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit';
import { z } from 'zod';

/** A data-set artifact is a small list of splits; anything longer is something else. */
const MAX_BYTES = 4 << 20;

const manifest = z.object({
  kind: z.literal('dataset'),
  classes: z.array(z.string()),
  imageSize: z.number().optional(),
  notes: z.array(z.string()).optional(),
  splits: z.record(
    z.string(),
    z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/), count: z.number().int().min(1), classCounts: z.array(z.number()).optional() }),
  ),
});

/** Reads data-set artifacts, for data sets that are named by digest. */
export class DatasetReader {
  constructor(private readonly artifacts: ArtifactStore) {}

  /**
   * @throws NotFound when there is no such artifact; FailedPrecondition when it is no data set.
   */
  async read(digest: string): Promise<DatasetInfo> {
    const stat = await this.artifacts.stat(digest);
    if (stat && stat.size > MAX_BYTES) throw notADataset(digest);
    const chunks: Buffer[] = [];
    for await (const chunk of this.artifacts.read(digest)) chunks.push(chunk);
    const parsed = manifest.safeParse(parse(Buffer.concat(chunks)));
    if (!parsed.success) throw notADataset(digest);
    const { classes, imageSize = 0, notes = [], splits } = parsed.data;
    const infos = Object.entries(splits).map(([name, split]): [string, SplitInfo] => [
      name,
      { digest: split.digest, count: split.count, classCounts: split.classCounts ?? [] },
    ]);
    return { digest, classes, imageSize, notes, splits: Object.fromEntries(infos) };
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function notADataset(digest: string): FailedPrecondition {
  return new FailedPrecondition(`artifact ${digest}`, 'it is no data set; give the name or digest that importing one returned');
}
