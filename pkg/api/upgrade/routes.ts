import { emptyRoute, type Route, valueRoute } from '../route.ts';
import { flag, object, text } from '../schema.ts';
import { readUpdates, setSource, startCommand, type UpdateSource } from './actions.ts';
import type { CommandType } from './record.ts';
import { updatesStatusSchema } from './state.ts';

const source = object<UpdateSource>(
  {
    reference: text({ description: 'the tag to look at: host[:port]/name:tag' }),
    plainHttp: flag('talk http to the registry; what comes is signed all the same'),
  },
  ['plainHttp'],
);

const action = (path: string, type: CommandType, summary: string): Route =>
  emptyRoute('POST', {
    ...{ path: `/actions/${path}`, role: 'operator', summary },
    run: (api, { caller }) => startCommand(api, type, caller.name),
  });

/** Bottlerocket's update API: its paths, states and codes (204 begun, 404 nothing to do, 409 wrong state, 423 busy). */
export const upgradeRoutes: readonly Route[] = [
  valueRoute('GET', updatesStatusSchema, {
    path: '/updates/status',
    role: 'reader',
    summary: 'Show how far the update is: Idle, Available, Staged, Ready',
    run: (api) => readUpdates(api),
  }),
  emptyRoute('POST', {
    path: '/actions/refresh-updates',
    role: 'operator',
    summary: 'Look for an update, and choose it by its digest',
    query: {
      again: { ...text({ pattern: '^true$', most: 4, description: 'also what failed to boot before' }) },
    },
    run: (api, { caller, query }) => startCommand(api, 'refresh', caller.name, query.again !== undefined),
  }),
  action('prepare-update', 'prepare', 'Fetch and verify the chosen update'),
  action('activate-update', 'activate', 'Make the fetched update what the next boot takes'),
  action('deactivate-update', 'deactivate', 'Take back what the next boot would take'),
  action('reboot', 'reboot', 'Reboot the machine'),
  valueRoute('POST', source, {
    path: '/v1/updates/source',
    role: 'admin',
    summary: 'Say where updates come from',
    body: source,
    run: (api, { body }) => setSource(api, body),
  }),
];
