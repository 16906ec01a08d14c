import { type Server, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { FailedPrecondition } from './errors.js';
import { type Metrics } from './metrics.js';
import { type Readiness } from './readiness.js';

/** The small HTTP side of a service for those who operate it: /livez, /readyz, /metrics. Never on the port of the API. */
export class OperationsServer {
  readonly #server: Server;

  constructor(readiness: Readiness, metrics: Metrics) {
    this.#server = createServer((request, response) => {
      const answer = async (): Promise<void> => {
        const path = request.url?.split('?')[0];
        if (request.method !== 'GET') return void response.writeHead(405, { allow: 'GET' }).end();
        if (path === '/livez') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
        if (path === '/readyz') {
          const { ready, checks } = readiness.state;
          const body = `${JSON.stringify({ ready, checks })}\n`;
          return void response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(body);
        }
        if (path === '/metrics') {
          const body = await metrics.registry.metrics();
          return void response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(body);
        }
        response.writeHead(404, { 'content-type': 'text/plain' }).end('there are /livez, /readyz and /metrics\n');
      };
      answer().catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
    });
  }

  /** @returns the port it listens on, which the system chose if `port` is 0 */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'EADDRINUSE'
            ? new FailedPrecondition(`${host}:${port}`, 'this port is in use by another process', { cause: error })
            : error,
        ),
      );
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
