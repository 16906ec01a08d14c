export { readConfig, type AttackerConfig } from './config.js';
export { startAttacker } from './attacker.js';
