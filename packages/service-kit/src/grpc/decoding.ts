import { type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { InvalidArgument } from '../errors.js';

/**
 * Stands where the request would be when its bytes are no message of the contract. grpc-js would answer INTERNAL before any code of ours
 * runs, which says "our defect" for the caller's mistake; like this the call meets the gate, the log and the figures like any other.
 */
export class Undecodable {
  /** What the call ends with. */
  readonly error: InvalidArgument;

  constructor(bytes: number, type: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    this.error = new InvalidArgument('request', `${bytes} byte${bytes === 1 ? '' : 's'}`, `must be an encoded ${type}: ${why}`, { cause });
  }
}

type RequestType = { readonly requestType?: { readonly type?: { readonly name?: string } } };

/** The service, to whose methods requests that cannot be decoded arrive as Undecodable. */
export function lenientlyDecoded(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, lenient(method)]));
}

function lenient(method: MethodDefinition<unknown, unknown>): MethodDefinition<unknown, unknown> {
  const type = (method as RequestType).requestType?.type?.name ?? 'message';
  const requestDeserialize = (bytes: Buffer): unknown => {
    try {
      return method.requestDeserialize(bytes);
    } catch (error) {
      return new Undecodable(bytes.length, type, error);
    }
  };
  return { ...method, requestDeserialize };
}
