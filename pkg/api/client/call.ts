import { type ErrorCode, errorCodes, MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Progress, Report } from '../../steps/index.ts';
import type { Job } from '../jobs/index.ts';
import { connectTo } from './connect.ts';
import { type Call, exchange, type Reply, requirePath } from './exchange.ts';
import { parseTarget, readContext, type TargetOptions } from './target.ts';

export type RemoteOptions = TargetOptions & { readonly context?: string | undefined };
type Session = {
  readonly host: Host;
  readonly signal: AbortSignal;
  open(call: Call, silence?: () => MosError): Promise<Reply>;
};

const mostOfEvent = 4 * 1024 * 1024;
/** Milliseconds before the events of a job are asked for again. */
const askAgain = 500;
const mostBytes = 64 * 1024 * 1024;

/**
 * Calls a machine and returns what the use case returned there. A job is watched to its end: its events are reported as
 * if it were done here, and when we are stopped it is cancelled.
 */
export async function callMachine(
  host: Host,
  { context, ...given }: RemoteOptions,
  call: Call,
  report: Report,
  signal: AbortSignal,
  builtAt: Date,
): Promise<unknown> {
  const known = context === undefined ? {} : await readContext(host, context);
  const typed = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const target = parseTarget({ ...known, ...typed });
  const session: Session = {
    ...{ host, signal },
    async open(one, silence) {
      requirePath(one);
      const socket = await connectTo(host, target, builtAt);
      const stop = (): void => void socket.destroy();
      signal.addEventListener('abort', stop, { once: true });
      socket.on('close', () => signal.removeEventListener('abort', stop));
      return exchange(socket, one, silence);
    },
  };
  const reply = await session.open(call, target.kind === 'tls' ? notLetIn : undefined);
  const value = await resultOf(reply, call.isText);
  return reply.status === 202 ? watch(session, value as Job, report) : value;
}

/** With TLS 1.3 the connection stands before the machine looks at our certificate; then it hangs up, mostly without an alert. */
const notLetIn = (): MosError =>
  new MosError('untrusted', 'cannot call the machine: it did not let our certificate in', {
    hint: 'it must be of the API CA of the machine, and in its time: trust api-client add. Where it is, mosctl serve has just ended: try again',
  });

const tooLong = (): MosError => new MosError('network', 'cannot read the answer: it is too long');

async function resultOf({ status, body }: Reply, isText = false): Promise<unknown> {
  let text = '';
  for await (const piece of body) {
    text += piece;
    if (text.length > mostBytes) throw tooLong();
  }
  if (status === 204) return null;
  if (isText && status < 300) return text;
  const value: unknown = parse(text);
  if (status < 300) return value;
  const { code, detail, hint } = (value ?? {}) as { code?: string; detail?: string; hint?: string };
  throw failure(code, detail ?? `cannot do that: the machine answered ${status}`, hint);
}

/** Control characters but line feeds and tabs: whoever rules the machine must not steer the terminal of who asks it. */
const steering = /[^\P{Cc}\n\t]/gu;
const harmless = (_key: string, value: unknown): unknown =>
  typeof value === 'string'
    ? value.replaceAll(steering, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    : value;

function parse(text: string): unknown {
  try {
    return JSON.parse(text, harmless);
  } catch (cause) {
    throw new MosError('network', 'cannot understand the machine: its answer is no JSON', { cause });
  }
}

const failure = (code: string | undefined, message: string, hint?: string | null): MosError =>
  new MosError(
    code !== undefined && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'network',
    message,
    hint === undefined || hint === null ? {} : { hint },
  );

async function watch(session: Session, job: Job, report: Report): Promise<unknown> {
  try {
    for (;;) {
      const last = await follow(session, job.id, report);
      if (last === undefined) {
        // The connection ended, and the work goes on.
        await session.host.clock.sleep(askAgain, session.signal);
        continue;
      }
      if (last.state === 'done') return last.result;
      throw failure(
        last.error?.code,
        last.error?.message ?? `cannot finish: it was ${last.state}`,
        last.error?.hint,
      );
    }
  } catch (error) {
    if (session.signal.aborted) await cancel(session, job.id);
    throw error;
  }
}

/** The job at its end; undefined where the events broke off before. */
async function follow(session: Session, id: string, report: Report): Promise<Job | undefined> {
  const { status, body } = await session.open({ method: 'GET', path: `/v1/jobs/${id}/events` });
  if (status !== 200) {
    await resultOf({ status, body });
    return undefined;
  }
  let text = '';
  for await (const piece of body) {
    text += piece;
    for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
      const job = hear(text.slice(0, at), report);
      text = text.slice(at + 2);
      if (job !== undefined && job.state !== 'running') return job;
    }
    if (text.length > mostOfEvent) throw tooLong();
  }
  session.signal.throwIfAborted();
  return undefined;
}

function hear(event: string, report: Report): Job | undefined {
  const [, kind, data] = /^event: (job|progress)\ndata: (.*)$/s.exec(event) ?? [];
  if (kind === 'job') {
    const job = parse(data ?? '') as Job;
    // What it was at before we came.
    if (job.state === 'running' && job.step !== null) report({ kind: 'step', ...job.step });
    return job;
  }
  if (kind === 'progress') report(parse(data ?? '') as Progress);
  return undefined;
}

/** By a connection of its own: the one we had is closed. */
async function cancel(session: Session, id: string): Promise<void> {
  await session.open({ method: 'DELETE', path: `/v1/jobs/${id}` }).then(
    (reply) => resultOf(reply),
    () => {},
  );
}
