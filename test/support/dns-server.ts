// A name server for a handful of names, as a cluster has one: `node dns-server.js ADDRESS TABLE`. TABLE is a JSON file {name: [address]},
// read again for every question, so that names change as pods come and go.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';

const [address = '127.0.0.1', table = ''] = process.argv.slice(2);
const TYPE_A = 1;
const NO_SUCH_NAME = 3;

function nameIn(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** The answer to a message with one question. */
function answer(message: Buffer, names: Readonly<Record<string, readonly string[]>>): Buffer {
  const { name, end } = nameIn(message);
  const known = names[name];
  const addresses = message.readUInt16BE(end) === TYPE_A ? (known ?? []) : [];
  const head = Buffer.from(message.subarray(0, end + 4));
  head.writeUInt16BE(0x8580 | (known === undefined ? NO_SUCH_NAME : 0), 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((one) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(TYPE_A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(1, 6);
    record.writeUInt16BE(4, 10);
    for (const [index, part] of one.split('.').entries()) record[12 + index] = Number(part);
    return record;
  });
  return Buffer.concat([head, ...records]);
}

const socket = createSocket('udp4');
socket.on('message', (message, from) => {
  socket.send(answer(message, JSON.parse(readFileSync(table, 'utf8')) as Record<string, string[]>), from.port, from.address);
});
socket.bind(53, address, () => process.stdout.write('ready\n'));
