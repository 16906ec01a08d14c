import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SERVICE_NAMES, methodsOf } from '@rift/contracts';
import { roleFor } from './security.js';

describe('roleFor', () => {
  const roles = [SERVICE_NAMES.runs, SERVICE_NAMES.catalog, SERVICE_NAMES.artifacts].flatMap((service) =>
    methodsOf(service).map((method) => [method.name, roleFor(method.path)] as const),
  );
  const ofRole = (role: string): string[] => roles.filter(([, found]) => found === role).map(([name]) => name);

  it('lets readers see everything and change nothing', () => {
    assert.deepEqual(ofRole('read').sort(), [
      'Download',
      'ExpandPlan',
      'GetDataset',
      'GetNetwork',
      'GetRun',
      'ListDatasets',
      'ListNetworks',
      'ListRuns',
      'ListTrainingPresets',
      'Stat',
      'WatchRun',
    ]);
  });

  it('keeps deleting to administrators', () => {
    assert.deepEqual(ofRole('admin').sort(), ['DeleteDataset', 'DeleteNetwork', 'DeleteRun']);
  });

  it('asks for the role of submitters for all else, so that a new method is not open by default', () => {
    assert.equal(roleFor('/rift.orchestrator.v1.RunService/SomethingNew'), 'submit');
  });
});
