import {
  applyUpdate,
  type CommandType,
  changeSettings,
  holdUpdates,
  listUpdateHolds,
  releaseUpdates,
  requireCommand,
  runCommand,
  type UpgradeOptions,
  updateCommand,
  updateSettings,
  updatesStatus,
} from '../../system/index.ts';
import type { Api } from '../api.ts';
import type { Caller } from '../caller.ts';
import type { Work } from '../jobs/index.ts';
import { emptyRoute, jobRoute, type Route, valueRoute } from '../route.ts';
import { flag, integer, object, text } from '../schema.ts';
import {
  type GivenSettings,
  givenSettings,
  givenSource,
  holdsSchema,
  settingsSchema,
  sourceSchema,
  toSource,
  updatesStatusSchema,
} from './schemas.ts';

/** What every command of updates is given. */
export const upgradeOptions = ({ options }: Api, signal?: AbortSignal): UpgradeOptions => ({
  root: options.root,
  ca: options.ca,
  builtAt: options.builtAt,
  integrity: options.integrity,
  reboot: options.reboot,
  signal,
});

/** Begins a command where its state allows it; the answer does not wait. */
async function begin(api: Api, type: CommandType, who: string, work?: Work) {
  await requireCommand(api.host, api.options.root, type);
  const usual: Work = (report, signal) => runCommand(api.host, type, upgradeOptions(api, signal), report);
  return api.jobs.start(type, who, work ?? usual);
}

const action = (path: string, type: CommandType, summary: string): Route =>
  emptyRoute('POST', {
    ...{ path: `/actions/${path}`, role: 'operator', summary },
    run: async (api, { caller }) => void (await begin(api, type, caller.name)),
  });

const again = 'also what failed to boot before';
const againQuery = { again: text({ pattern: '^true$', most: 4, description: again }) };

/** Bottlerocket's update API: its paths, states and codes (204 begun, 404 nothing to do, 409 wrong state, 423 busy). */
const bottlerocketRoutes: readonly Route[] = [
  valueRoute('GET', updatesStatusSchema, {
    path: '/updates/status',
    role: 'reader',
    summary: 'Show how far the update is (Idle, Available, Staged, Ready), and why it is not made yet',
    run: ({ host, options }) => updatesStatus(host, options),
  }),
  emptyRoute('POST', {
    path: '/actions/refresh-updates',
    role: 'operator',
    summary: 'Look for an update, and choose it by its digest',
    query: againQuery,
    async run(api, { caller, query }) {
      await begin(api, 'refresh', caller.name, (report, signal) =>
        runCommand(
          api.host,
          'refresh',
          { ...upgradeOptions(api, signal), again: query.again !== undefined },
          report,
        ),
      );
    },
  }),
  action('prepare-update', 'prepare', 'Fetch and verify the chosen update'),
  action('activate-update', 'activate', 'Make the fetched update what the next boot takes'),
  action('deactivate-update', 'deactivate', 'Take back what the next boot would take'),
  action('reboot', 'reboot', 'Reboot the machine'),
];

const job = (path: string, type: CommandType, summary: string): Route =>
  jobRoute({
    ...{ path: `/v1/updates/${path}`, role: 'operator', summary },
    run: (api, { caller }) =>
      begin(api, type, caller.name, (report, signal) =>
        updateCommand(api.host, type, upgradeOptions(api, signal), report),
      ),
  });

/** The same as jobs, for who wants to watch them; each gives the status of updates at its end. */
const jobRoutes: readonly Route[] = [
  jobRoute({
    path: '/v1/updates/check',
    role: 'operator',
    summary: 'Look for an update, as a job',
    body: object<{ again?: boolean }>({ again: flag(again) }, ['again']),
    run: (api, { caller, body }) =>
      begin(api, 'refresh', caller.name, (report, signal) =>
        updateCommand(api.host, 'refresh', { ...upgradeOptions(api, signal), again: body.again }, report),
      ),
  }),
  job('prepare', 'prepare', 'Fetch and verify the chosen update, as a job'),
  job('activate', 'activate', 'Make the fetched update what the next boot takes, as a job'),
  job('deactivate', 'deactivate', 'Take back what the next boot would take, as a job'),
  jobRoute({
    path: '/v1/updates/apply',
    role: 'operator',
    summary: 'Check, prepare and activate, as one job; with reboot also that',
    body: object<{ reboot?: boolean }>({ reboot: flag('where only that makes it real') }, ['reboot']),
    run: (api, { caller, body }) =>
      api.jobs.start('apply', caller.name, (report, signal) =>
        applyUpdate(api.host, { ...upgradeOptions(api, signal), andReboot: body.reboot }, report),
      ),
  }),
];

const set = ({ host, options }: Api, { source, ...rest }: GivenSettings) =>
  changeSettings(host, {
    root: options.root,
    ...rest,
    ...(source === undefined ? {} : { source: source === null ? null : toSource(source) }),
  });

const settingsRoutes: readonly Route[] = [
  valueRoute('GET', settingsSchema, {
    path: '/v1/updates/settings',
    role: 'reader',
    summary: 'Show how the machine is updated',
    run: ({ host, options }) => updateSettings(host, options),
  }),
  valueRoute('POST', settingsSchema, {
    path: '/v1/updates/settings',
    role: 'admin',
    summary: 'Change how the machine is updated; what is not named stays',
    body: givenSettings,
    run: (api, { body }) => set(api, body),
  }),
  valueRoute('POST', sourceSchema, {
    path: '/v1/updates/source',
    role: 'admin',
    summary: 'Say where updates come from',
    body: givenSource,
    async run(api, { body }) {
      await set(api, { source: body });
      return toSource(body);
    },
  }),
];

const owner = text({
  pattern: '^[\\w.@:-]{1,100}$',
  most: 100,
  description: 'who holds, default the caller',
});
/** A service speaks for itself alone; `me` is the caller. */
const ownerOf = ({ name, service }: Caller, given = 'me'): string =>
  service === undefined && given !== 'me' ? given : name.replaceAll(/[^\w.@:-]/g, '-').slice(0, 100);

type GivenHold = { readonly reason: string; readonly owner?: string; readonly minutes?: number };

const holdRoutes: readonly Route[] = [
  valueRoute('GET', holdsSchema, {
    path: '/v1/updates/holds',
    role: 'reader',
    summary: 'List who holds automatic updates back',
    run: ({ host, options }) => listUpdateHolds(host, options),
  }),
  valueRoute('POST', holdsSchema, {
    path: '/v1/updates/holds',
    role: 'operator',
    summary: 'Hold automatic updates back for a while',
    body: object<GivenHold>(
      {
        reason: text({ most: 500 }),
        owner,
        minutes: integer({ least: 1, most: 10_080, description: 'default 60' }),
      },
      ['owner', 'minutes'],
    ),
    run: ({ host, options }, { caller, body: { reason, minutes, owner: given } }) =>
      holdUpdates(host, { root: options.root, reason, minutes, owner: ownerOf(caller, given) }),
  }),
  valueRoute('DELETE', holdsSchema, {
    path: '/v1/updates/holds/{owner}',
    role: 'operator',
    summary: 'Hold automatic updates back no longer',
    parameters: { owner },
    run: ({ host, options }, { caller, path }) =>
      releaseUpdates(host, { root: options.root, owner: ownerOf(caller, path.owner) }),
  }),
];

export const upgradeRoutes: readonly Route[] = [
  ...bottlerocketRoutes,
  ...jobRoutes,
  ...settingsRoutes,
  ...holdRoutes,
];
