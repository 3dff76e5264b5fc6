import type { ErrorCode } from '../../errors/index.ts';
import type { Progress } from '../../steps/index.ts';
import { anyText, anything, choice, integer, list, nullable, object, type Schema } from '../schema.ts';

export type JobState = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

/** Work that takes long, as `/v1/jobs/ID` shows it. */
export type Job = {
  readonly id: string;
  readonly operation: string;
  readonly who: string;
  readonly state: JobState;
  readonly started: string;
  readonly ended: string | null;
  readonly step: { readonly name: string; readonly index: number; readonly count: number } | null;
  readonly bytes: { readonly what: string; readonly done: number; readonly total: number | null } | null;
  readonly notes: readonly string[];
  /** The generation that the machine had when it began. */
  readonly before: number | null;
  /** The value of the use case. */
  readonly result: unknown;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string | null } | null;
};

export const jobSchema: Schema<Job> = object<Job>({
  id: anyText,
  operation: anyText,
  who: anyText,
  state: choice('running', 'done', 'failed', 'cancelled', 'interrupted'),
  started: anyText,
  ended: nullable(anyText),
  step: nullable(object<NonNullable<Job['step']>>({ name: anyText, index: integer(), count: integer() })),
  bytes: nullable(
    object<NonNullable<Job['bytes']>>({ what: anyText, done: integer(), total: nullable(integer()) }),
  ),
  notes: list(anyText),
  before: nullable(integer()),
  result: { ...anything('what mosctl --json prints of it'), json: {} } as Schema<NonNullable<unknown>>,
  error: nullable(
    object<NonNullable<Job['error']>>({
      code: anyText as Schema<ErrorCode>,
      message: anyText,
      hint: nullable(anyText),
    }),
  ),
});

const mostNotes = 100;

/** The job after an event of its work. */
export function withProgress(job: Job, event: Progress): Job {
  if (event.kind === 'step') {
    const { name, index, count } = event;
    return { ...job, step: { name, index, count }, bytes: null };
  }
  if (event.kind === 'bytes')
    return { ...job, bytes: { what: event.what, done: event.done, total: event.total ?? null } };
  return { ...job, notes: [...job.notes, event.text].slice(-mostNotes) };
}

/** What became of a job whose daemon ended: the machine's own history knows. */
export const interruptedJob = (job: Job, now: number | null, time: string): Job => ({
  ...job,
  state: 'interrupted',
  ended: time,
  error: {
    code: 'interrupted',
    message:
      now !== null && now > (job.before ?? 0)
        ? `cannot tell how ${job.operation} ended: the daemon was stopped; generation ${now} was written`
        : `cannot finish ${job.operation}: the daemon was stopped, and no generation was written`,
    hint: 'the same call again ends what was begun',
  },
});
