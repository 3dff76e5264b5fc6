import test from 'ava';
import { openApi } from '../../pkg/api/api.ts';
import { callerOfPeer, parseGroup } from '../../pkg/api/caller.ts';
import { dispatch } from '../../pkg/api/dispatch.ts';
import { parseRequestHead, usualLimits } from '../../pkg/api/http/index.ts';
import { routes } from '../../pkg/api/routes.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { apiRoles } from '../../pkg/trust/index.ts';
import { requestOf } from '../helpers/api.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const example: Readonly<Record<string, string>> = { id: '0123456789abcdef', name: 'web', owner: 'me' };
const pathOf = (path: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => example[name] ?? 'x');
const read = (line: string) => ({
  ...parseRequestHead(requestOf(line).slice(0, -4), usualLimits),
  body: Buffer.alloc(0),
});

/** Written by hand: what the code says must be what was decided. */
const decided: Readonly<Record<string, readonly string[]>> = {
  reader: [
    'GET /updates/status',
    'GET /v1/updates/settings',
    'GET /v1/updates/holds',
    'GET /v1/status',
    'GET /v1/security',
    'GET /v1/history',
    'GET /v1/diff',
    'GET /v1/why',
    'GET /v1/health',
    'GET /metrics',
    'GET /healthz',
    'GET /v1/services',
    'GET /v1/mirrors',
    'GET /v1/jobs',
    'GET /v1/jobs/{id}',
    'GET /v1/jobs/{id}/events',
    'GET /v1/receipts',
  ],
  operator: [
    'POST /actions/refresh-updates',
    'POST /actions/prepare-update',
    'POST /actions/activate-update',
    'POST /actions/deactivate-update',
    'POST /actions/reboot',
    'POST /v1/updates/check',
    'POST /v1/updates/prepare',
    'POST /v1/updates/activate',
    'POST /v1/updates/deactivate',
    'POST /v1/updates/apply',
    'POST /v1/updates/holds',
    'DELETE /v1/updates/holds/{owner}',
    'GET /v1/services/{name}/logs',
    'POST /v1/services/{name}/restart',
    'POST /v1/services/{name}/stop',
    'POST /v1/update',
    'POST /v1/rollback',
    'POST /v1/verify',
    'POST /v1/reboot',
    'DELETE /v1/jobs/{id}',
  ],
  admin: [
    'POST /v1/updates/settings',
    'POST /v1/updates/source',
    'POST /v1/tickets',
    'POST /v1/gc',
    'POST /v1/mirrors',
    'POST /v1/pins',
    'GET /v1/support-bundle',
    'GET /v1/audit',
  ],
};

test('the routes of each role are those that were decided', (t) => {
  for (const role of apiRoles)
    t.deepEqual(
      routes.filter((route) => route.role === role).map(({ method, path }) => `${method} ${path}`),
      decided[role],
    );
});

test('each role gets to its routes and to no other, in all pairs', async (t) => {
  const root = await temporaryFolder(t);
  await using api = await openApi(linuxHost, { root, builtAt: new Date(0) });
  for (const role of apiRoles)
    for (const route of routes) {
      const answer = await dispatch(
        api,
        { name: 'somebody', role },
        read(`${route.method} ${pathOf(route.path)}`),
      );
      const isAllowed = apiRoles.indexOf(role) >= apiRoles.indexOf(route.role);
      t.is(answer.status !== 403, isAllowed, `${role} ${route.method} ${route.path}: ${answer.status}`);
    }
});

test('a path that is not there is 404, a method that is not there 405, and both say it as a problem', async (t) => {
  const root = await temporaryFolder(t);
  await using api = await openApi(linuxHost, { root, builtAt: new Date(0) });
  const caller = { name: 'somebody', role: 'admin' } as const;
  t.deepEqual(await dispatch(api, caller, read('GET /v2/status')), {
    status: 404,
    headers: { 'content-type': 'application/problem+json' },
    body: '{"type":"https://mos.invalid/errors/usage","title":"Not Found","status":404,"detail":"cannot answer the request: there is no /v2/status","code":"usage"}\n',
  });
  t.deepEqual((await dispatch(api, caller, read('DELETE /v1/status'))).headers, {
    'content-type': 'application/problem+json',
    allow: 'GET',
  });
});

test('who is at the other end of the Unix socket decides what they may do', (t) => {
  t.is(parseGroup('root:x:0:\nmos:x:990:alice\n', 'mos'), 990);
  t.is(parseGroup('mosaic:x:990:\n', 'mos'), undefined);
  t.deepEqual(callerOfPeer({ process: 1, uid: 0, groups: [0] }, 990), { name: 'uid 0', role: 'admin' });
  t.deepEqual(callerOfPeer({ process: 1, uid: 1000, groups: [1000, 990] }, 990), {
    name: 'uid 1000',
    role: 'operator',
  });
  for (const group of [990, undefined])
    t.throws(() => callerOfPeer({ process: 1, uid: 1000, groups: [1000] }, group), {
      code: 'denied',
      message: 'cannot answer uid 1000: it is not in the group mos',
    });
});
