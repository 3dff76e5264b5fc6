export type { Progress, Report } from './progress.ts';
export { runSteps, type Step } from './steps.ts';
