import { parseReference } from '../oci/index.ts';
import {
  acceptTicket,
  activate,
  changeMirrors,
  diff,
  gc,
  listMirrors,
  listReceipts,
  listServices,
  log,
  logs,
  type MadeReceipt,
  parseWhich,
  pin,
  reboot,
  rollback,
  security,
  stop,
  update,
  verify,
  why,
} from '../system/index.ts';
import {
  auditSchema,
  diffSchema,
  healthSchema,
  historySchema,
  mirrorsSchema,
  pinSchema,
  securitySchema,
  statusSchema,
} from './answers.ts';
import { readAudit } from './audit.ts';
import { renderEvents } from './events.ts';
import { readHealth } from './health.ts';
import { textAnswer } from './http/index.ts';
import { jobSchema } from './jobs/index.ts';
import { renderMetrics } from './metrics.ts';
import { emptyRoute, jobRoute, ownRoute, type Route, valueRoute } from './route.ts';
import { anyText, anything, flag, integer, list, object, text } from './schema.ts';
import { supportBundle } from './support/bundle.ts';
import { upgradeRoutes } from './upgrade/routes.ts';

const service = text({
  pattern: '^[a-z0-9]([a-z0-9._-]{0,62})$',
  most: 63,
  description: 'name of a service',
});
const jobId = text({ pattern: '^[0-9a-f]{16}$', most: 16 });
const generation = text({ pattern: '^([1-9][0-9]{0,8}|current|next|good)$', most: 9 });
const reason = text({ most: 500, description: 'why; kept in the history' });
const mirror = text({
  pattern: '^https?://[^/]+/?$',
  most: 300,
  description: 'https://host[:port], asked for images first',
});
const file = (description: string) =>
  text({ pattern: '^[A-Za-z0-9+/]{1,16000}={0,2}$', most: 16_002, description: `base64 of ${description}` });
const plan = flag('only tell the steps and the bytes');

const receipt = object<MadeReceipt>({ generation: integer(), envelope: anyText });

type Update = {
  readonly reference: string;
  readonly plan?: boolean;
  readonly plainHttp?: boolean;
  readonly mirrors?: readonly string[];
};
type ChangeMirrors = { readonly add?: string; readonly remove?: string };
type Rollback = { readonly to?: number; readonly reason?: string; readonly plan?: boolean };
type Ticket = {
  readonly ticket: string;
  readonly certificate: string;
  readonly signature: string;
  readonly plan?: boolean;
};
type Collect = { readonly dryRun?: boolean; readonly keep?: number };
type Pin = { readonly generation: number; readonly remove?: boolean; readonly reason?: string };

/**
 * Every route there is. The dispatcher, docs/openapi.yaml and the table of roles in the README are made of this list,
 * so none of them can have one that the others lack.
 */
export const routes: readonly Route[] = [
  ...upgradeRoutes,
  valueRoute('GET', statusSchema, {
    path: '/v1/status',
    role: 'reader',
    summary: 'Show what the machine runs',
    run: (api) => api.status(),
  }),
  valueRoute('GET', securitySchema, {
    path: '/v1/security',
    role: 'reader',
    summary: 'Show how services are confined, with a score each',
    run: ({ host, options: { root, ca } }) => security(host, { root, ca }),
  }),
  valueRoute('GET', historySchema, {
    path: '/v1/history',
    role: 'reader',
    summary: 'List the generations, newest first',
    query: { most: integer({ least: 1, most: 1_000_000 }) },
    run: ({ host, options }, { query }) => log(host, { root: options.root, most: query.most }),
  }),
  valueRoute('GET', diffSchema, {
    path: '/v1/diff',
    role: 'reader',
    summary: 'Show what differs between two generations',
    query: { from: generation, to: generation },
    run: ({ host, options: { root, ca } }, { query: { from, to } }) =>
      diff(host, {
        ...{ root, ca },
        from: from === undefined ? undefined : parseWhich(from),
        to: to === undefined ? undefined : parseWhich(to),
      }),
  }),
  valueRoute('GET', anything('what mosctl why --json prints'), {
    path: '/v1/why',
    role: 'reader',
    summary: 'Explain how the machine came to run what it runs',
    query: { target: service },
    run: ({ host, options: { root, ca } }, { query }) => why(host, { root, ca, target: query.target }),
  }),
  valueRoute('GET', healthSchema, {
    path: '/v1/health',
    role: 'reader',
    summary: 'Tell whether all is well',
    run: (api) => readHealth(api),
  }),
  ownRoute('text/plain; version=0.0.4', {
    path: '/metrics',
    role: 'reader',
    summary: 'Give the metrics that Prometheus reads',
    run: async (api) => textAnswer(await renderMetrics(api), 'text/plain; version=0.0.4'),
  }),
  ownRoute('text/plain', {
    path: '/healthz',
    role: 'reader',
    summary: 'Answer 200 where all is well, else 503',
    async run(api) {
      const { healthy, problems } = await readHealth(api);
      const answer = textAnswer(`${healthy ? 'ok' : problems.join('\n')}\n`, 'text/plain');
      return healthy ? answer : { ...answer, status: 503 };
    },
  }),
  valueRoute('GET', anything('what mosctl ps --json prints'), {
    path: '/v1/services',
    role: 'reader',
    summary: 'List the services that were started',
    run: ({ host, options }) => listServices(host, { root: options.root }),
  }),
  valueRoute('GET', anything('what mosctl logs --json prints'), {
    path: '/v1/services/{name}/logs',
    role: 'operator',
    summary: 'Show what a service said',
    parameters: { name: service },
    query: { lines: integer({ least: 1, most: 100_000 }) },
    run: ({ host, options }, { path, query }) =>
      logs(host, { root: options.root, target: path.name, lines: query.lines }),
  }),
  jobRoute({
    path: '/v1/services/{name}/restart',
    role: 'operator',
    summary: 'Start a service, or start it again with its new image',
    parameters: { name: service },
    run: ({ host, jobs, options: { root, ca, integrity } }, { path, caller }) =>
      jobs.start('restart', caller.name, () => activate(host, { root, ca, integrity, target: path.name })),
  }),
  jobRoute({
    path: '/v1/services/{name}/stop',
    role: 'operator',
    summary: 'Stop a service',
    parameters: { name: service },
    body: object<{ timeout?: number }>({ timeout: integer({ most: 3600 }) }, ['timeout']),
    run: ({ host, jobs, options }, { path, body, caller }) =>
      jobs.start('stop', caller.name, () =>
        stop(host, { root: options.root, target: path.name, timeout: body.timeout }),
      ),
  }),
  jobRoute({
    path: '/v1/update',
    role: 'operator',
    summary: 'Bring the machine to another signed manifest',
    body: object<Update>(
      {
        reference: text({ description: 'host[:port]/name:tag, or a place on the machine' }),
        plan,
        plainHttp: flag('talk http to the registry; what comes is signed all the same'),
        mirrors: list(mirror),
      },
      ['plan', 'plainHttp', 'mirrors'],
    ),
    run({ host, jobs, options }, { body, caller }) {
      const reference = parseReference(body.reference);
      const { plan: planOnly = false, plainHttp = false, mirrors = [] } = body;
      return jobs.start('update', caller.name, (report, signal) =>
        update(
          host,
          { ...options, reference, plan: planOnly, access: { plainHttp, mirrors, signal } },
          report,
        ),
      );
    },
  }),
  jobRoute({
    path: '/v1/rollback',
    role: 'operator',
    summary: 'Go back to the content of an earlier generation, as a new one',
    body: object<Rollback>({ to: integer({ least: 1 }), reason, plan }, ['to', 'reason', 'plan']),
    run: ({ host, jobs, options: { root, ca } }, { body, caller }) =>
      jobs.start('rollback', caller.name, (report) => rollback(host, { root, ca, ...body }, report)),
  }),
  jobRoute({
    path: '/v1/tickets',
    role: 'admin',
    summary: 'Lower the floor of the machine once, as its publisher permits',
    body: object<Ticket>(
      {
        ticket: file('what trust ticket add made'),
        certificate: file('the file FILE.pem beside it'),
        signature: file('the file FILE.signed beside it'),
        plan,
      },
      ['plan'],
    ),
    run({ host, jobs, options: { root, builtAt } }, { body, caller }) {
      const [bytes, certificate, signature] = [body.ticket, body.certificate, body.signature].map((one) =>
        Buffer.from(one, 'base64'),
      ) as [Buffer, Buffer, Buffer];
      const evidence = { name: 'the ticket', bytes, certificates: [certificate], signatures: [signature] };
      return jobs.start('ticket accept', caller.name, (report) =>
        acceptTicket(host, { root, builtAt, evidence, plan: body.plan ?? false }, report),
      );
    },
  }),
  jobRoute({
    path: '/v1/verify',
    role: 'operator',
    summary: 'Read and check everything: state, manifests, store, mounts',
    run: (api, { caller }) =>
      api.jobs.start('verify', caller.name, async (report, signal) => {
        const { root, ca } = api.options;
        const result = await verify(api.host, { root, ca, signal }, report);
        const before = api.counts.get('verify_problems') ?? 0;
        api.counts.set('verify_problems', before + result.problems.length);
        return result;
      }),
  }),
  jobRoute({
    path: '/v1/gc',
    role: 'admin',
    summary: 'Remove images that no kept generation and no mount uses',
    body: object<Collect>({ dryRun: flag(), keep: integer({ least: 1, most: 1000 }) }, ['dryRun', 'keep']),
    run: ({ host, jobs, options: { root, ca } }, { body, caller }) =>
      jobs.start('gc', caller.name, (report) => gc(host, { root, ca, ...body }, report)),
  }),
  valueRoute('GET', mirrorsSchema, {
    path: '/v1/mirrors',
    role: 'reader',
    summary: 'List where images are looked for first',
    run: ({ host, options }) => listMirrors(host, { root: options.root }),
  }),
  valueRoute('POST', mirrorsSchema, {
    path: '/v1/mirrors',
    role: 'admin',
    summary: 'Add or remove a place where images are looked for first',
    body: object<ChangeMirrors>({ add: mirror, remove: mirror }, ['add', 'remove']),
    run: ({ host, options }, { body }) => changeMirrors(host, { root: options.root, ...body }),
  }),
  valueRoute('POST', pinSchema, {
    path: '/v1/pins',
    role: 'admin',
    summary: 'Keep the images of a generation, or no longer',
    body: object<Pin>({ generation: integer({ least: 1 }), remove: flag(), reason }, ['remove', 'reason']),
    run: ({ host, options }, { body }) => pin(host, { root: options.root, ...body }),
  }),
  emptyRoute('POST', {
    path: '/v1/reboot',
    role: 'operator',
    summary: 'Reboot the machine',
    run: ({ host, options }) => options.reboot?.() ?? reboot(host, { root: options.root }),
  }),
  valueRoute('GET', list(jobSchema), {
    path: '/v1/jobs',
    role: 'reader',
    summary: 'List the jobs, newest first',
    run: async ({ jobs }) => jobs.list(),
  }),
  valueRoute('GET', jobSchema, {
    path: '/v1/jobs/{id}',
    role: 'reader',
    summary: 'Show a job',
    parameters: { id: jobId },
    run: async ({ jobs }, { path }) => jobs.get(path.id),
  }),
  ownRoute('text/event-stream', {
    path: '/v1/jobs/{id}/events',
    role: 'reader',
    summary: 'Watch a job: events "progress", and "job" at the beginning and the end',
    parameters: { id: jobId },
    run: async ({ jobs, host }, { path }) => ({
      ...textAnswer('', 'text/event-stream'),
      body: renderEvents(jobs.events(path.id), host.clock),
    }),
  }),
  valueRoute('DELETE', jobSchema, {
    path: '/v1/jobs/{id}',
    role: 'operator',
    summary: 'Cancel a job: it ends at its next step, and what it began is undone',
    parameters: { id: jobId },
    run: async ({ jobs }, { path }) => jobs.cancel(path.id),
  }),
  valueRoute('GET', list(receipt), {
    path: '/v1/receipts',
    role: 'reader',
    summary: 'Give what the machine signs of its generations, newest first (DSSE)',
    query: { generation: integer({ least: 1 }), most: integer({ least: 1, most: 100 }) },
    run: ({ host, options: { root, ca } }, { query }) => listReceipts(host, { root, ca, ...query }),
  }),
  ownRoute('application/x-tar', {
    path: '/v1/support-bundle',
    role: 'admin',
    summary: 'Give what somebody needs who helps from afar, as a tar file without secrets',
    async run({ host, options: { root, ca, version = '' } }) {
      return textAnswer(await supportBundle(host, { root, ca, version }), 'application/x-tar');
    },
  }),
  valueRoute('GET', auditSchema, {
    path: '/v1/audit',
    role: 'admin',
    summary: 'Show the newest calls, and whether the log was changed',
    query: { most: integer({ least: 1, most: 10_000 }) },
    async run({ host, folder, audit }, { query }) {
      await audit.flush();
      return readAudit(host, folder, query.most ?? 100);
    },
  }),
];
