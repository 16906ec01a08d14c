import { type LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { PinoPretty } from 'pino-pretty';
import { currentContext } from './context.js';

export { type Logger } from 'pino';
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Name of the service, on every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** Where the lines go; standard output by default. */
  readonly destination?: DestinationStream;
  /** Lines for people instead of JSON; by default where standard output is a terminal. */
  readonly pretty?: boolean;
}

/** A JSON logger whose lines carry the trace and run ids of the work in force. Tokens never reach a line. */
export function createLogger({
  name,
  level,
  destination,
  pretty = destination === undefined && process.stdout.isTTY,
}: LoggerOptions): Logger {
  const options = {
    name,
    level,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: ['authorization', '*.authorization', 'token', '*.token', 'password', '*.password'],
    mixin: () => {
      const context = currentContext();
      return context === undefined ? {} : { traceId: context.traceId, ...(context.runId === undefined ? {} : { runId: context.runId }) };
    },
  };
  if (pretty)
    return pino(options, PinoPretty({ ignore: 'pid,hostname,traceId', translateTime: 'HH:MM:ss', destination: destination ?? 1 }));
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** NestJS's own messages in the same log; what it tells about its start-up is detail. */
export function nestLogger(logger: Logger): LoggerService {
  const at =
    (level: 'debug' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...rest: unknown[]): void => {
      const component = rest.findLast((part): part is string => typeof part === 'string');
      if (message instanceof Error) logger[level]({ component, err: message }, message.message);
      else logger[level]({ component }, typeof message === 'string' ? message : JSON.stringify(message));
    };
  return { log: at('debug'), debug: at('debug'), verbose: at('debug'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
}
