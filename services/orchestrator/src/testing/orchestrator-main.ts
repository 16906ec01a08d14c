import { createLogger } from '@rift/service-kit';
import { readConfig } from '../config.js';
import { startOrchestrator } from '../orchestrator.js';

/**
 * The orchestrator as a process of its own, for tests that kill it: the service's main, with a report that is a fixed function of the
 * run. Tells its port on standard output.
 */
const config = readConfig();
const service = await startOrchestrator(config, {
  logger: createLogger({ name: 'orchestrator', level: config.logLevel, pretty: false }),
  buildReport: (input) => ({
    html: `<p>${input.after.length}</p>`,
    json: JSON.stringify(input.after.map((one) => one.result.standard?.correct)),
    verdict: `${input.before.length} before, ${input.after.length} after`,
  }),
  onLost: () => process.exit(1),
});
process.stdout.write(`port ${service.grpcPort}\n`);
process.once('SIGTERM', () => {
  void service.close().then(() => process.exit(0));
});
