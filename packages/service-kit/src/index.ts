export { currentContext, newTraceId, withContext, type WorkContext } from './context.js';
export { EnvironmentError, readEnvironment, setting } from './environment.js';
export {
  AlreadyExists,
  Cancelled,
  DeadlineExceeded,
  ExitCode,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  PermissionDenied,
  ResourceExhausted,
  ServiceError,
  Unauthenticated,
  Unavailable,
  exitCodeOf,
  printed,
  type ErrorKind,
  type Violation,
} from './errors.js';
export { closeOnSignals, startService, type ListenAddress, type RunningService, type ServiceOptions } from './grpc/bootstrap.js';
export { BearerTokens, type Caller } from './grpc/bearer-tokens.js';
export { GATE_VARIABLES, gateSettings } from './grpc/gate-settings.js';
export { Gate, type GateRules, type GateSettings } from './grpc/gate.js';
export { OidcTokens, type OidcOptions } from './grpc/oidc.js';
export { type Admission, type Authorize } from './grpc/strategy.js';
export { callSignal, requestsOf, type AnyCall, type StreamingCall } from './grpc/call.js';
export { Peer, Peers, type PeerOptions, type StreamCallOptions, type UnaryCallOptions } from './grpc/peer.js';
export { fromGrpcFailure, toGrpcFailure } from './grpc/status.js';
export { progressStream, streamOf, type Progress } from './grpc/streams.js';
export { ErrorFilter } from './grpc/error-filter.js';
export { clientTls, serverTls, type ClientTlsFiles, type ServerTlsFiles } from './grpc/tls.js';
export { LOG_LEVELS, createLogger, nestLogger, type LogLevel, type Logger, type LoggerOptions } from './logger.js';
export { Counter, Gauge, Histogram, Metrics, type Registry } from './metrics.js';
export { certificateMetric, gpuMetrics } from './process-metrics.js';
export { type ReadinessCheck, type ReadinessState } from './readiness.js';
export { inSpan, startSpan, startTracing, type Attribute, type Span, type TracingOptions } from './tracing.js';
