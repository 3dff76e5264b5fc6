import { randomBytes } from 'node:crypto';
import test from 'ava';
import { openApi } from '../../pkg/api/api.ts';
import { readAudit } from '../../pkg/api/audit.ts';
import { dispatch } from '../../pkg/api/dispatch.ts';
import { parseRequestHead, usualLimits } from '../../pkg/api/http/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { requestOf } from '../helpers/api.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const read = (line: string, body = '') => ({
  ...parseRequestHead(requestOf(line, `Content-Length: ${body.length}`).slice(0, -4), usualLimits),
  body: Buffer.from(body),
});

test('who only looks, or may not, can’t push others out of the log of calls', async (t) => {
  const root = await temporaryFolder(t);
  const reader = { name: 'reader', role: 'reader' } as const;
  const operator = { name: 'operator', role: 'operator' } as const;
  {
    await using api = await openApi(linuxHost, { root, builtAt: new Date(0) });
    for (let i = 0; i < 50; i++) {
      const name = randomBytes(8).toString('hex');
      await dispatch(api, reader, read(`GET /v1/jobs/${name}`));
      await dispatch(api, reader, read(`GET /v1/${name}`));
      await dispatch(api, reader, read(`POST /v1/services/${name}/restart`));
      await dispatch(api, operator, read(`POST /v1/services/${name}/stop`, '{"x":1}'));
      await dispatch(api, operator, read(`DELETE /v1/jobs/${name}?x=1`));
    }
  }
  const { entries, problem } = await readAudit(linuxHost, `${root}/config/mos/api`, 1000);
  t.is(problem, null);
  const counts = new Map<string, number>();
  for (const { what, result, count } of entries)
    counts.set(`${what} ${result}`, (counts.get(`${what} ${result}`) ?? 0) + count);
  t.deepEqual(
    [...counts],
    [
      ['GET /v1/jobs/{id} 404', 50],
      ['GET (no route) 404', 50],
      ['POST /v1/services/{name}/restart 403', 50],
      ['POST /v1/services/{name}/stop 415', 50],
      ['DELETE /v1/jobs/{id} 400', 50],
    ],
  );
});
