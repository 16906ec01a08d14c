import { createServer, type Server, type Socket } from 'node:net';

import { lineReader, type GuestMessage, type HostMessage } from './messages.js';

/** What a host does when its users come and go. */
export interface ControlOptions {
  /** Messages that a newcomer gets at once. */
  readonly greeting: () => readonly HostMessage[];
  /** The last user has left; resolves when what it used has stopped. */
  readonly onLastLeft: () => Promise<void>;
  readonly onKill: () => void;
}

/**
 * The door of a local stack: every command that uses the stack keeps a connection open, and a connection that closes, even
 * because its process was killed, is a user gone.
 */
export class ControlServer {
  readonly #server: Server;
  readonly #users = new Set<Socket>();

  constructor(private readonly options: ControlOptions) {
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  /** Number of users now. */
  get users(): number {
    return this.#users.size;
  }

  /** Starts listening on a loopback port. @returns the port */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        if (address === null || typeof address === 'string') reject(new Error('The system gave no port.'));
        else resolve(address.port);
      });
    });
  }

  broadcast(message: HostMessage): void {
    for (const user of this.#users) user.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    for (const user of this.#users) user.destroy();
    this.#server.close();
  }

  #welcome(socket: Socket): void {
    this.#users.add(socket);
    socket.setEncoding('utf8');
    for (const message of this.options.greeting()) socket.write(`${JSON.stringify(message)}\n`);
    const leave = (): void => {
      if (!this.#users.delete(socket)) return;
      if (this.#users.size > 0) socket.end();
      else void this.options.onLastLeft().then(() => socket.end());
    };
    const read = lineReader<GuestMessage>(({ type }) => {
      if (type === 'kill') this.options.onKill();
      else leave();
    });
    socket.on('data', (chunk: string) => {
      try {
        read(chunk);
      } catch {
        // No JSON: something that found the port by chance.
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', leave);
  }
}
