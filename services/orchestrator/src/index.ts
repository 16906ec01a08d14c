export { readConfig, type OrchestratorConfig } from './config.js';
export { startOrchestrator, type OrchestratorOptions } from './orchestrator.js';
export { DEFAULT_CORRUPTIONS, DEFAULT_SEVERITIES } from './plan/corruptions.js';
export { choicesOf, type ProfileChoices } from './plan/profiles.js';
