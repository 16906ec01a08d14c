// A service that can only say that it serves; the tests of local stacks run it in place of the real ones.
// FAKE_ADDRESS is where it listens; FAKE_FAILS makes it end before it serves; FAKE_STUBBORN makes it ignore SIGTERM.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import process from 'node:process';

import { fakeServiceConfig } from './config.js';

const { address, fails, stubborn } = fakeServiceConfig();
if (fails) {
  process.stderr.write('the fake was told to fail\n');
  process.exit(3);
}
const server = new Server();
new HealthImplementation({ '': 'SERVING', fake: 'SERVING' }).addToServer(server);
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
process.on('SIGTERM', () => {
  if (!stubborn) process.exit(0);
});
