import { Observable } from 'rxjs';
import { type StreamingCall, callSignal, drained } from './call.js';

/** Takes a state of progress; within one key only the latest not yet sent is kept. */
export type Progress<T> = (message: T, key?: string) => void;

/**
 * A stream of progress with one result at its end, tied to the work behind it: the work starts with the call and is told to stop
 * by the signal when the caller is gone, the deadline has passed or the server shuts down.
 *
 * A slow reader costs no memory: while the connection takes nothing, a newer state replaces the older one of the same key. The
 * last message, which `work` returns, is always sent.
 * @param work its error, if it fails, is what the call ends with
 */
export function progressStream<T>(
  call: StreamingCall,
  work: (progress: Progress<T>, signal: AbortSignal) => Promise<T | undefined>,
): Observable<T> {
  return new Observable<T>((subscriber) => {
    const signal = callSignal(call);
    const latest = new Map<string, T>();
    let pumping: Promise<void> | undefined;

    const pump = async (): Promise<void> => {
      while (latest.size > 0 && !signal.aborted) {
        await drained(call, signal);
        for (const [key, message] of latest) {
          latest.delete(key);
          subscriber.next(message);
          if (call.writableNeedDrain) break;
        }
      }
      pumping = undefined;
    };
    const progress: Progress<T> = (message, key = '') => {
      if (signal.aborted) return;
      // Setting an existing key would keep its old place in the order.
      latest.delete(key);
      latest.set(key, message);
      pumping ??= pump();
    };
    const whole = async (): Promise<void> => {
      signal.throwIfAborted();
      const last = await work(progress, signal);
      await pumping;
      await drained(call, signal);
      signal.throwIfAborted();
      if (last !== undefined) subscriber.next(last);
      subscriber.complete();
    };
    whole().catch((error: unknown) => subscriber.error(signal.aborted ? (signal.reason as unknown) : error));
  });
}

/**
 * A stream of everything an iterable yields, taken from it only as fast as the reader reads. The iterable is closed when the
 * caller is gone.
 */
export function streamOf<T>(call: StreamingCall, source: (signal: AbortSignal) => AsyncIterable<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    const signal = callSignal(call);
    const whole = async (): Promise<void> => {
      signal.throwIfAborted();
      for await (const message of source(signal)) {
        signal.throwIfAborted();
        subscriber.next(message);
        await drained(call, signal);
      }
      signal.throwIfAborted();
      subscriber.complete();
    };
    whole().catch((error: unknown) => subscriber.error(signal.aborted ? (signal.reason as unknown) : error));
  });
}
