export { buildReport, type Report } from './build-report.js';
export type { ReportData } from './data/types.js';
export type { Environment, Evaluation, LogRecord, NamedArtifact, Registered, ReportInput, RunRecord, StageRecord } from './input.js';
export { renderReport } from './render-report.js';
export { SPEC_FILE } from './spec-file.js';
