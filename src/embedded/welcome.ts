/** What `npm start` prints when everything is up: where things are, and a first delivery to copy and paste. */

export interface Welcome {
  readonly apiUrl: string;
  readonly temporalUiUrl: string;
  readonly metricsUrl: string;
  readonly dataFolder: string;
  readonly adminToken: string;
  readonly demo: { readonly url: string; readonly secret: string } | undefined;
}

export function welcome(facts: Welcome): string {
  return `
  API          ${facts.apiUrl}
  Temporal UI  ${facts.temporalUiUrl}
  Metrics      ${facts.metricsUrl}
  Data         ${facts.dataFolder}
  Admin token  ${facts.adminToken}
${facts.demo ? firstDelivery(facts, facts.demo) : ''}
Ctrl-C stops everything.
`;
}

function firstDelivery({ apiUrl, temporalUiUrl, adminToken }: Welcome, demo: { url: string; secret: string }): string {
  return `
A first delivery, to the demo receiver of this process. Copy and paste into another terminal:

  export EVERHOOK=${apiUrl} ADMIN_TOKEN=${adminToken}

  curl -sSw '\\n' $EVERHOOK/v1/tenants -H "Authorization: Bearer $ADMIN_TOKEN" \\
    -H 'Content-Type: application/json' -d '{"id": "demo", "name": "Demo"}'

  curl -sSw '\\n' $EVERHOOK/v1/webhooks -H "Authorization: Bearer $ADMIN_TOKEN" -H 'x-tenant-id: demo' \\
    -H 'Content-Type: application/json' \\
    -d '{"url": "${demo.url}", "event_types": ["order.*"], "secret": "${demo.secret}"}'

  curl -sSw '\\n' $EVERHOOK/v1/events -H "Authorization: Bearer $ADMIN_TOKEN" -H 'x-tenant-id: demo' \\
    -H 'Content-Type: application/json' \\
    -d '{"type": "order.created", "payload": {"order": 42, "total": "99.90"}}'

The receiver prints what arrives below. Its path /flaky fails twice before it accepts, so that you can
watch the retries: the delivery's workflow is in the UI at ${temporalUiUrl}
`;
}
