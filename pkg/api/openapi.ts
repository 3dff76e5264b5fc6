import { jobSchema } from './jobs/index.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';
import type { JsonSchema } from './schema.ts';

const problem: JsonSchema = {
  type: 'object',
  description: 'RFC 9457; code and hint are those of mosctl --json',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    hint: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail', 'code'],
};

const json = (schema: JsonSchema) => ({ 'application/json': { schema } });
const errors = {
  description: 'what went wrong',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** OpenAPI 3.1 of the routes; docs/openapi.yaml is this, and a test compares. */
export function openApiDocument(version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'mos',
      version,
      description:
        'Operates one machine. Callers are known by a client certificate (TLS 1.3) or by the Unix socket.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'https://machine' }],
    security: [{ certificate: [] }],
    paths,
    components: {
      securitySchemes: { certificate: { type: 'mutualTLS', description: 'made by trust api-client add' } },
      schemas: { Problem: problem, Job: jobSchema.json },
    },
  };
}

function operationOf(route: Route) {
  const parameters = [
    ...Object.entries(route.parameters).map(([name, { json: schema }]) => ({
      name,
      in: 'path',
      required: true,
      schema,
    })),
    ...Object.entries(route.query).map(([name, { json: schema }]) => ({
      name,
      in: 'query',
      required: false,
      schema,
    })),
  ];
  return {
    summary: route.summary,
    operationId: operationId(route),
    'x-mos-role': route.role,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: needsBody(route.body.json), content: json(route.body.json) } }),
    responses: {
      ...responseOf(route),
      ...(route.path === '/healthz' ? { 503: notWell } : {}),
      default: errors,
    },
  };
}

const notWell = {
  description: 'somebody should look',
  content: { 'text/plain': { schema: { type: 'string' } } },
};

const needsBody = (schema: JsonSchema): boolean =>
  ((schema['required'] as readonly string[] | undefined) ?? []).length > 0;

const operationId = ({ method, path }: Route): string =>
  [method.toLowerCase(), ...path.replaceAll(/[{}]/g, '').split('/').slice(1)].join('-');

function responseOf({ gives }: Route): Record<string, unknown> {
  switch (gives.kind) {
    case 'value':
      return {
        200: {
          description: 'the value',
          content: json(gives.schema === jobSchema ? jobRef : gives.schema.json),
        },
      };
    case 'job':
      return {
        202: {
          description: 'begun; the job can be watched',
          headers: { Location: { schema: { type: 'string' } } },
          content: json(jobRef),
        },
      };
    case 'nothing':
      return { 204: { description: 'done, or begun' } };
    case 'own':
      return {
        200: { description: 'as it happens', content: { [gives.type]: { schema: { type: 'string' } } } },
      };
  }
}

const jobRef = { $ref: '#/components/schemas/Job' };

/** The table of roles, for the README. */
export const renderRoles = (): string =>
  [
    '| route | role | |',
    '|---|---|---|',
    ...routes.map(({ method, path, role, summary }) => `| \`${method} ${path}\` | ${role} | ${summary} |`),
  ].join('\n');
