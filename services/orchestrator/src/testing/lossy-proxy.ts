import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** How PostgreSQL's protocol begins a simple query that ends a transaction. */
const COMMIT = /^Q....(?:commit|COMMIT)/s;

/**
 * Stands between a client and a PostgreSQL server on a Unix socket. Some commits reach the server, but their answer does not come back:
 * the connection is cut instead.
 */
export class LossyProxy {
  /** Commits whose answer was lost. */
  lost = 0;
  /** Times at which clients were turned away, in milliseconds. */
  readonly refused: number[] = [];
  #isAway = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param loses decides for each commit whether its answer is lost */
  constructor(
    private readonly target: string,
    private readonly loses: () => boolean,
  ) {
    this.#server = createServer((client) => this.#join(client));
  }

  /** Listens. @returns the connection string of the server by way of this proxy */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.target);
    url.searchParams.delete('host');
    url.host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** Cuts every connection, and from now on each new one as soon as it comes, as a server does that is away. */
  goAway(): void {
    this.#isAway = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket): void {
    if (this.#isAway) {
      this.refused.push(performance.now());
      client.destroy();
      return;
    }
    const folder = new URL(this.target).searchParams.get('host') ?? '';
    const server = createConnection(`${folder}/.s.PGSQL.5432`);
    let isLosing = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (COMMIT.test(chunk.toString('latin1')) && this.loses()) isLosing = true;
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!isLosing) return void client.write(chunk);
      // The server has answered, so the commit stands.
      this.lost += 1;
      client.destroy();
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
