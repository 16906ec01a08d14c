import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { fieldsOf } from '@rift/contracts';
import { z } from 'zod';

import * as validation from './index.js';

/** The message that each schema checks. */
const SCHEMAS: Record<string, z.ZodType> = {
  'rift.attacker.v1.CraftAdversarialSetRequest': validation.craftAdversarialSetRequest,
  'rift.attacker.v1.EvaluateRequest': validation.evaluateRequest,
  'rift.attacker.v1.CorruptRequest': validation.corruptRequest,
  'rift.attacker.v1.PerturbSettings': validation.perturbSettings,
  'rift.attacker.v1.PerturbBatch': validation.perturbBatch,
  'rift.trainer.v1.TrainAdversariallyRequest': validation.trainAdversariallyRequest,
  'rift.trainer.v1.MeasureCriticalityRequest': validation.measureCriticalityRequest,
  'rift.trainer.v1.FineTuneRequest': validation.fineTuneRequest,
  'rift.trainer.v1.InterpolateRequest': validation.interpolateRequest,
  'rift.trainer.v1.ImportNetworkRequest': validation.importNetworkRequest,
  'rift.trainer.v1.ExportNetworkRequest': validation.exportNetworkRequest,
  'rift.trainer.v1.InspectNetworkRequest': validation.inspectNetworkRequest,
  'rift.trainer.v1.ImportDatasetRequest': validation.importDatasetRequest,
  'rift.trainer.v1.ImportAdversarialSetRequest': validation.importAdversarialSetRequest,
};

/** The schema below nullable, pipe and transform. */
function bare(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodNullable) return bare(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodPipe) return bare(schema.in as z.ZodType);
  return schema;
}

function compare(message: string, schema: z.ZodType): void {
  const shape = bare(schema);
  assert.ok(shape instanceof z.ZodObject, `${message} has no object schema`);
  const fields = fieldsOf(message);
  assert.deepEqual(Object.keys(shape.shape as object), [...fields.keys()], `fields of ${message}`);
  for (const [name, field] of fields) {
    if (field.message === null) continue;
    const inner = bare((shape.shape as Record<string, z.ZodType>)[name] as z.ZodType);
    compare(field.message, field.repeated ? ((inner as z.ZodArray).element as z.ZodType) : inner);
  }
}

describe('the schemas', () => {
  for (const [message, schema] of Object.entries(SCHEMAS)) {
    it(`check every field of ${message}, and of what it holds, in the order of the contract`, () => compare(message, schema));
  }
});
