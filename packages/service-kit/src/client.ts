// What callers of services need: no NestJS behind this door, so that a command line starts quickly.
export { currentContext, newTraceId, withContext, type WorkContext } from './context.js';
export { EnvironmentError, readEnvironment, setting } from './environment.js';
export * from './errors.js';
export { Peer, Peers, type PeerOptions, type StreamCallOptions, type UnaryCallOptions } from './grpc/peer.js';
export { fromGrpcFailure, toGrpcFailure } from './grpc/status.js';
export { clientTls, type ClientTlsFiles } from './grpc/tls.js';
