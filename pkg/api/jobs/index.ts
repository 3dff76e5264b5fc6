export { type Job, type JobState, jobSchema } from './job.ts';
export { type JobEvent, type Jobs, openJobs, type Work } from './jobs.ts';
