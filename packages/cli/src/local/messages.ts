/** Where a local stack answers. */
export interface StackAddresses {
  /** HOST:PORT of the orchestrator's gRPC services. */
  readonly endpoint: string;
  /** Address of the web page. */
  readonly web: string;
}

/** Where the workers of a local stack answer, HOST:PORT each. */
export interface WorkerAddresses {
  readonly attackers: readonly string[];
  readonly trainers: readonly string[];
}

/** What the host of a stack tells those who use it, one JSON document a line. */
export type HostMessage =
  | { readonly type: 'progress'; readonly text: string }
  | ({ readonly type: 'ready' } & StackAddresses)
  | { readonly type: 'failed'; readonly text: string }
  /** Being stopped: come back later. */
  | { readonly type: 'stopping' };

/** What a user of a stack tells its host. The host closes the connection when there is nothing left to wait for. */
export type GuestMessage = { readonly type: 'release' } | { readonly type: 'kill' };

/** Splits a stream of text into lines and reads each as a message. */
export function lineReader<T>(onMessage: (message: T) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onMessage(JSON.parse(line) as T);
  };
}
