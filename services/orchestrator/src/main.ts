import { closeOnSignals, createLogger, EnvironmentError, exitCodeOf, ExitCode } from '@rift/service-kit';
import { readConfig, type OrchestratorConfig } from './config.js';
import { startOrchestrator } from './orchestrator.js';

/** Reads the settings or ends the process with what is wrong with them. */
function settings(): OrchestratorConfig {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(ExitCode.usage);
  }
}

const config = settings();
const logger = createLogger({ name: 'orchestrator', level: config.logLevel });
try {
  const service = await startOrchestrator(config, {
    logger,
    onLost: (reason) => {
      logger.fatal({ err: reason }, 'another orchestrator has taken over the runs of this one');
      process.exit(ExitCode.failed);
    },
  });
  closeOnSignals(service, logger);
} catch (error) {
  logger.fatal({ err: error }, 'the orchestrator could not start');
  process.exit(exitCodeOf(error));
}
