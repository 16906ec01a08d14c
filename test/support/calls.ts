import type { ClientReadableStream, ServiceError as GrpcError, requestCallback } from '@grpc/grpc-js';
import { fromGrpcFailure, type ServiceError } from '@rift/service-kit';

/** All messages of an answering stream. Rejects with the class of error that the server threw. */
export async function messages<T>(stream: ClientReadableStream<T>): Promise<T[]> {
  const received: T[] = [];
  try {
    for await (const message of stream) received.push(message as T);
  } catch (error) {
    throw fromGrpcFailure(error, 'the service');
  }
  return received;
}

/** The last message of an answering stream. */
export async function last<T>(stream: ClientReadableStream<T>): Promise<T> {
  const message = (await messages(stream)).at(-1);
  if (message === undefined) throw new Error('the stream was empty');
  return message;
}

/** The answer of a unary call. Rejects with the class of error that the server threw. */
export function unary<Q, A>(call: (request: Q, callback: requestCallback<A>) => unknown, request: Q): Promise<A> {
  return new Promise((resolve, reject) => {
    call(request, (error: GrpcError | null, answer?: A) => {
      if (error !== null) reject(fromGrpcFailure(error, 'the service'));
      else resolve(answer as A);
    });
  });
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  try {
    await promise;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error('it did not fail');
}
