import type {
  DatasetInfo,
  Failure,
  InterpolatedNetworks,
  NetworkInfo,
  Plan,
  Progress,
  RunSettings,
  StageResult,
  WatchRunResponse,
} from '@rift/contracts';
import { packageDefinition } from '@rift/contracts';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { Internal } from '@rift/service-kit';

/** Turns a message of the contracts into bytes for the database and back. Unlike JSON it keeps NaN and bytes as they are. */
export interface Codec<T> {
  encode(message: T): Buffer;
  decode(bytes: Buffer): T;
}

function codecOf<T extends object>(name: string): Codec<T> {
  const definition = packageDefinition[name];
  if (definition === undefined || !('serialize' in definition)) throw new Error(`The contracts hold no message ${name}.`);
  const { serialize, deserialize } = definition as MessageTypeDefinition<object, object>;
  return { encode: (message) => serialize(message), decode: (bytes) => deserialize(bytes) as T };
}

export const planCodec = codecOf<Plan>('rift.orchestrator.v1.Plan');
export const settingsCodec = codecOf<RunSettings>('rift.orchestrator.v1.RunSettings');
export const failureCodec = codecOf<Failure>('rift.orchestrator.v1.Failure');
export const progressCodec = codecOf<Progress>('rift.common.v1.Progress');
export const stageResultCodec = codecOf<StageResult>('rift.orchestrator.v1.StageResult');
export const eventCodec = codecOf<WatchRunResponse>('rift.orchestrator.v1.WatchRunResponse');
export const interpolatedCodec = codecOf<InterpolatedNetworks>('rift.trainer.v1.InterpolatedNetworks');
export const networkInfoCodec = codecOf<NetworkInfo>('rift.common.v1.NetworkInfo');
export const datasetInfoCodec = codecOf<DatasetInfo>('rift.common.v1.DatasetInfo');

type ResultKind = NonNullable<StageResult['result']>;

/** Keeps the result of one kind of stage. */
export function resultCodec<K extends ResultKind>(kind: K): Codec<NonNullable<StageResult[K]>> {
  return {
    encode: (message) => stageResultCodec.encode({ result: kind, [kind]: message }),
    decode: (bytes) => {
      const message = stageResultCodec.decode(bytes)[kind];
      if (!message) throw new Internal(`A stored result is not of kind ${kind}.`);
      return message;
    },
  };
}
