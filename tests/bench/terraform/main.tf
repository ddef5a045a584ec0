# The parts of one self-contained environment (config/self-contained.toml), as a user of Terraform would write them, for
# `just bench stack`. The values are those that the plan of migrate-infra shows.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "account" {
  type = string
}

variable "function" {
  description = "An archive with the code of the rotation function."
  type        = string
}

variable "certificates" {
  description = "A file with the certificates of Amazon RDS."
  type        = string
}

locals {
  prefix    = "bench"
  region    = "us-east-1"
  sides     = toset(["source", "target"])
  zones     = { "1" = "us-east-1a", "2" = "us-east-1b" }
  services  = toset(["ecs", "alb", "db", "dms"])
  log_names = toset(["postgresql", "upgrade"])
  logs      = { for pair in setproduct(local.sides, local.log_names) : "${pair[0]}-${pair[1]}" => pair }
}

provider "aws" {
  region                      = local.region
  access_key                  = var.account
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  s3_use_path_style           = true

  default_tags {
    tags = {
      Environment    = "migration-source-bench"
      MigrationPhase = "setup"
      CostCenter     = "payment-processing"
    }
  }

  endpoints {
    applicationautoscaling = var.endpoint
    cloudwatch             = var.endpoint
    dms                    = var.endpoint
    ec2                    = var.endpoint
    ecs                    = var.endpoint
    elbv2                  = var.endpoint
    iam                    = var.endpoint
    lambda                 = var.endpoint
    logs                   = var.endpoint
    rds                    = var.endpoint
    s3                     = var.endpoint
    secretsmanager         = var.endpoint
    sts                    = var.endpoint
  }
}

# --- network --------------------------------------------------------------------------------------------------------

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  enable_dns_support   = true
}

resource "aws_default_security_group" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  for_each                = local.zones
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet("10.0.0.0/16", 8, tonumber(each.key))
  availability_zone       = each.value
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private" {
  for_each          = local.zones
  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet("10.0.0.0/16", 8, tonumber(each.key) + 10)
  availability_zone = each.value
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

resource "aws_nat_gateway" "main" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public["1"].id
  depends_on    = [aws_internet_gateway.main]
}

resource "aws_route_table" "public" {
  for_each = local.zones
  vpc_id   = aws_vpc.main.id
}

resource "aws_route_table" "private" {
  for_each = local.zones
  vpc_id   = aws_vpc.main.id
}

resource "aws_route" "public" {
  for_each               = local.zones
  route_table_id         = aws_route_table.public[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route" "private" {
  for_each               = local.zones
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each       = local.zones
  route_table_id = aws_route_table.public[each.key].id
  subnet_id      = aws_subnet.public[each.key].id
}

resource "aws_route_table_association" "private" {
  for_each       = local.zones
  route_table_id = aws_route_table.private[each.key].id
  subnet_id      = aws_subnet.private[each.key].id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = "com.amazonaws.${local.region}.s3"
  route_table_ids = [for table in aws_route_table.private : table.id]
}

# --- security groups ------------------------------------------------------------------------------------------------

resource "aws_security_group" "main" {
  for_each    = local.services
  name        = "${local.prefix}-${each.key}"
  description = "bench ${each.key}"
  vpc_id      = aws_vpc.main.id
}

locals {
  ingress = {
    alb-http     = { to = "alb", from = null, cidr = "0.0.0.0/0", port = 80 }
    alb-https    = { to = "alb", from = null, cidr = "0.0.0.0/0", port = 443 }
    ecs-from-alb = { to = "ecs", from = "alb", cidr = null, port = 8080 }
    db-from-ecs  = { to = "db", from = "ecs", cidr = null, port = 5432 }
    db-from-dms  = { to = "db", from = "dms", cidr = null, port = 5432 }
  }
  egress = {
    alb-to-ecs = { from = "alb", to = "ecs", cidr = null, port = 8080 }
    ecs-https  = { from = "ecs", to = null, cidr = "0.0.0.0/0", port = 443 }
    ecs-to-db  = { from = "ecs", to = "db", cidr = null, port = 5432 }
    dms-https  = { from = "dms", to = null, cidr = "0.0.0.0/0", port = 443 }
    dms-to-db  = { from = "dms", to = "db", cidr = null, port = 5432 }
  }
}

resource "aws_vpc_security_group_ingress_rule" "main" {
  for_each                     = local.ingress
  security_group_id            = aws_security_group.main[each.value.to].id
  referenced_security_group_id = each.value.from == null ? null : aws_security_group.main[each.value.from].id
  cidr_ipv4                    = each.value.cidr
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
}

resource "aws_vpc_security_group_egress_rule" "main" {
  for_each                     = local.egress
  security_group_id            = aws_security_group.main[each.value.from].id
  referenced_security_group_id = each.value.to == null ? null : aws_security_group.main[each.value.to].id
  cidr_ipv4                    = each.value.cidr
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
}

# --- databases ------------------------------------------------------------------------------------------------------

resource "aws_db_subnet_group" "main" {
  for_each   = local.sides
  name       = "${local.prefix}-${each.key}"
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_parameter_group" "main" {
  for_each = local.sides
  name     = "${local.prefix}-${each.key}"
  family   = "postgres16"

  parameter {
    name         = "rds.logical_replication"
    value        = "1"
    apply_method = "pending-reboot"
  }
}

resource "aws_cloudwatch_log_group" "database" {
  for_each          = local.logs
  name              = "/aws/rds/instance/${local.prefix}-${each.value[0]}/${each.value[1]}"
  retention_in_days = 7
}

resource "aws_secretsmanager_secret" "main" {
  for_each                = local.sides
  name                    = "${local.prefix}/${each.key}"
  recovery_window_in_days = 0
}

resource "aws_db_instance" "main" {
  for_each                        = local.sides
  identifier                      = "${local.prefix}-${each.key}"
  engine                          = "postgres"
  engine_version                  = "16"
  instance_class                  = "db.r5.large"
  allocated_storage               = 100
  storage_type                    = "gp2"
  storage_encrypted               = true
  db_name                         = "paymentdb"
  username                        = "dbadmin"
  password                        = "a-password-of-a-benchmark"
  db_subnet_group_name            = aws_db_subnet_group.main[each.key].name
  parameter_group_name            = aws_db_parameter_group.main[each.key].name
  vpc_security_group_ids          = [aws_security_group.main["db"].id]
  backup_retention_period         = 7
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  skip_final_snapshot             = true
  apply_immediately               = true
  depends_on                      = [aws_cloudwatch_log_group.database]
}

resource "aws_secretsmanager_secret_version" "main" {
  for_each  = local.sides
  secret_id = aws_secretsmanager_secret.main[each.key].id
  secret_string = jsonencode({
    engine   = "postgres", host = aws_db_instance.main[each.key].address, port = 5432, dbname = "paymentdb",
    username = "dbadmin", password = "a-password-of-a-benchmark"
  })
}

resource "aws_iam_role" "rotation" {
  for_each           = local.sides
  name               = "${local.prefix}-rotation-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda.amazonaws.com"].json
}

resource "aws_iam_role_policy" "rotation" {
  for_each = local.sides
  name     = "rotation"
  role     = aws_iam_role.rotation[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Action = ["secretsmanager:*"], Resource = [aws_secretsmanager_secret.main[each.key].arn]
    }]
  })
}

resource "aws_cloudwatch_log_group" "rotation" {
  for_each          = local.sides
  name              = "/aws/lambda/${local.prefix}-rotation-${each.key}"
  retention_in_days = 7
}

resource "aws_lambda_function" "rotation" {
  for_each         = local.sides
  function_name    = "${local.prefix}-rotation-${each.key}"
  role             = aws_iam_role.rotation[each.key].arn
  runtime          = "python3.12"
  handler          = "rotation.handler"
  filename         = var.function
  source_code_hash = filebase64sha256(var.function)
  timeout          = 60
  depends_on       = [aws_cloudwatch_log_group.rotation, aws_iam_role_policy.rotation]
}

resource "aws_lambda_permission" "rotation" {
  for_each      = local.sides
  statement_id  = "secretsmanager"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.rotation[each.key].function_name
  principal     = "secretsmanager.amazonaws.com"
}

resource "aws_secretsmanager_secret_rotation" "main" {
  for_each            = local.sides
  secret_id           = aws_secretsmanager_secret.main[each.key].id
  rotation_lambda_arn = aws_lambda_function.rotation[each.key].arn
  rotate_immediately  = false

  rotation_rules {
    automatically_after_days = 30
  }

  depends_on = [aws_lambda_permission.rotation, aws_secretsmanager_secret_version.main]
}

# --- storage --------------------------------------------------------------------------------------------------------

resource "aws_s3_bucket" "main" {
  for_each = local.sides
  bucket   = "${local.prefix}-${each.key}-${var.account}"
}

resource "aws_s3_bucket_versioning" "main" {
  for_each = local.sides
  bucket   = aws_s3_bucket.main[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  for_each = local.sides
  bucket   = aws_s3_bucket.main[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each                = local.sides
  bucket                  = aws_s3_bucket.main[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  for_each = local.sides
  bucket   = aws_s3_bucket.main[each.key].id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_transition {
      noncurrent_days = 90
      storage_class   = "GLACIER"
    }

    noncurrent_version_expiration {
      noncurrent_days = 365
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.main]
}

resource "aws_iam_role" "replication" {
  name               = "${local.prefix}-bucket-replication"
  assume_role_policy = data.aws_iam_policy_document.trust["s3.amazonaws.com"].json
}

resource "aws_iam_role_policy" "replication" {
  name = "replication"
  role = aws_iam_role.replication.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:*"], Resource = [for one in aws_s3_bucket.main : "${one.arn}/*"] }]
  })
}

resource "aws_s3_bucket_replication_configuration" "main" {
  bucket = aws_s3_bucket.main["source"].id
  role   = aws_iam_role.replication.arn

  rule {
    id     = "everything"
    status = "Enabled"

    filter {}

    delete_marker_replication {
      status = "Enabled"
    }

    destination {
      bucket = aws_s3_bucket.main["target"].arn
    }
  }

  depends_on = [aws_s3_bucket_versioning.main]
}

# --- service --------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust" {
  for_each = toset([
    "ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "s3.amazonaws.com", "dms.amazonaws.com",
    "dms.${local.region}.amazonaws.com"
  ])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.key]
    }
  }
}

resource "aws_iam_role" "task" {
  for_each           = toset(["execution", "task"])
  name               = "${local.prefix}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.task["execution"].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "task" {
  name = "task"
  role = aws_iam_role.task["task"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow", Action = ["secretsmanager:GetSecretValue"],
      Resource = [aws_secretsmanager_secret.main["source"].arn]
    }]
  })
}

resource "aws_cloudwatch_log_group" "service" {
  for_each          = toset(["/ecs/${local.prefix}", "/aws/ecs/containerinsights/${local.prefix}/performance"])
  name              = each.key
  retention_in_days = 7
}

resource "aws_ecs_cluster" "main" {
  name = local.prefix

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  depends_on = [aws_cloudwatch_log_group.service]
}

resource "aws_ecs_task_definition" "main" {
  family                   = local.prefix
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.task["execution"].arn
  task_role_arn            = aws_iam_role.task["task"].arn
  container_definitions = jsonencode([{
    name         = "app"
    image        = "public.ecr.aws/docker/library/python:3.13-slim"
    essential    = true
    portMappings = [{ containerPort = 8080, hostPort = 8080, protocol = "tcp" }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group = "/ecs/${local.prefix}", awslogs-region = local.region, awslogs-stream-prefix = "app"
      }
    }
  }])
  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy_attachment.execution]
}

resource "aws_lb" "main" {
  name               = local.prefix
  load_balancer_type = "application"
  security_groups    = [aws_security_group.main["alb"].id]
  subnets            = [for subnet in aws_subnet.public : subnet.id]
  depends_on         = [aws_internet_gateway.main]
}

resource "aws_lb_target_group" "main" {
  name                 = local.prefix
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30

  health_check {
    path = "/health"
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.main.arn
  }
}

resource "aws_ecs_service" "main" {
  name                              = local.prefix
  cluster                           = aws_ecs_cluster.main.id
  task_definition                   = aws_ecs_task_definition.main.arn
  desired_count                     = 2
  launch_type                       = "FARGATE"
  health_check_grace_period_seconds = 60

  network_configuration {
    subnets         = [for subnet in aws_subnet.private : subnet.id]
    security_groups = [aws_security_group.main["ecs"].id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.main.arn
    container_name   = "app"
    container_port   = 8080
  }

  depends_on = [aws_lb_listener.http, aws_route.private]
}

resource "aws_appautoscaling_target" "main" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.main.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = 2
  max_capacity       = 10
}

resource "aws_appautoscaling_policy" "main" {
  for_each = {
    cpu    = { metric = "ECSServiceAverageCPUUtilization", value = 70 }
    memory = { metric = "ECSServiceAverageMemoryUtilization", value = 80 }
  }
  name               = "${local.prefix}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.main.service_namespace
  resource_id        = aws_appautoscaling_target.main.resource_id
  scalable_dimension = aws_appautoscaling_target.main.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.value
    scale_in_cooldown  = 60
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}

# --- replication ----------------------------------------------------------------------------------------------------

resource "aws_iam_role" "dms" {
  for_each = {
    dms-vpc-role             = "AmazonDMSVPCManagementRole"
    dms-cloudwatch-logs-role = "AmazonDMSCloudWatchLogsRole"
  }
  name               = each.key
  assume_role_policy = data.aws_iam_policy_document.trust["dms.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "dms" {
  for_each = {
    dms-vpc-role             = "AmazonDMSVPCManagementRole"
    dms-cloudwatch-logs-role = "AmazonDMSCloudWatchLogsRole"
  }
  role       = aws_iam_role.dms[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/${each.value}"
}

resource "aws_iam_role" "dms_secrets" {
  name               = "${local.prefix}-dms-secrets"
  assume_role_policy = data.aws_iam_policy_document.trust["dms.${local.region}.amazonaws.com"].json
}

resource "aws_iam_role_policy" "dms_secrets" {
  name = "secrets"
  role = aws_iam_role.dms_secrets.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow", Action = ["secretsmanager:GetSecretValue"],
      Resource = [for secret in aws_secretsmanager_secret.main : secret.arn]
    }]
  })
}

resource "aws_dms_certificate" "main" {
  certificate_id  = local.prefix
  certificate_pem = file(var.certificates)
}

resource "aws_dms_replication_subnet_group" "main" {
  replication_subnet_group_id          = local.prefix
  replication_subnet_group_description = "bench"
  subnet_ids                           = [for subnet in aws_subnet.private : subnet.id]
  depends_on                           = [aws_iam_role_policy_attachment.dms]
}

resource "aws_cloudwatch_log_group" "replication" {
  name              = "dms-tasks-${local.prefix}"
  retention_in_days = 7
}

resource "aws_dms_replication_instance" "main" {
  replication_instance_id     = local.prefix
  replication_instance_class  = "dms.c5.large"
  engine_version              = "3.6.1"
  allocated_storage           = 100
  publicly_accessible         = false
  replication_subnet_group_id = aws_dms_replication_subnet_group.main.id
  vpc_security_group_ids      = [aws_security_group.main["dms"].id]
  apply_immediately           = true
  depends_on                  = [aws_cloudwatch_log_group.replication]
}

locals {
  endpoints = {
    source          = { side = "source", type = "source" }
    target          = { side = "target", type = "target" }
    forward-source  = { side = "source", type = "source" }
    fallback-source = { side = "target", type = "source" }
    fallback-target = { side = "source", type = "target" }
  }
  tasks = {
    full     = { source = "source", target = "target", type = "full-load-and-cdc" }
    forward  = { source = "forward-source", target = "target", type = "cdc" }
    fallback = { source = "fallback-source", target = "fallback-target", type = "cdc" }
  }
}

resource "aws_dms_endpoint" "main" {
  for_each                        = local.endpoints
  endpoint_id                     = "${local.prefix}-${each.key}"
  endpoint_type                   = each.value.type
  engine_name                     = "postgres"
  database_name                   = "paymentdb"
  secrets_manager_arn             = aws_secretsmanager_secret.main[each.value.side].arn
  secrets_manager_access_role_arn = aws_iam_role.dms_secrets.arn
  ssl_mode                        = "verify-full"
  certificate_arn                 = aws_dms_certificate.main.certificate_arn
  depends_on                      = [aws_iam_role_policy.dms_secrets, aws_secretsmanager_secret_version.main]
}

resource "aws_dms_replication_task" "main" {
  for_each                 = local.tasks
  replication_task_id      = "${local.prefix}-${each.key}"
  migration_type           = each.value.type
  replication_instance_arn = aws_dms_replication_instance.main.replication_instance_arn
  source_endpoint_arn      = aws_dms_endpoint.main[each.value.source].endpoint_arn
  target_endpoint_arn      = aws_dms_endpoint.main[each.value.target].endpoint_arn
  table_mappings = jsonencode({
    rules = [{
      rule-type      = "selection", rule-id = "1", rule-name = "1", rule-action = "include",
      object-locator = { schema-name = "public", table-name = "%" }
    }]
  })
}

# --- monitoring -----------------------------------------------------------------------------------------------------

locals {
  alarms = {
    db-cpu-source = { namespace = "AWS/RDS", metric = "CPUUtilization", above = 80 }
    db-cpu-target = { namespace = "AWS/RDS", metric = "CPUUtilization", above = 80 }
    lag           = { namespace = "AWS/DMS", metric = "CDCLatencyTarget", above = 60 }
    unhealthy     = { namespace = "AWS/ApplicationELB", metric = "UnHealthyHostCount", above = 0 }
  }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each            = local.alarms
  alarm_name          = "${local.prefix}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 3
  dimensions          = { Name = aws_lb.main.arn_suffix }
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.prefix
  dashboard_body = jsonencode({
    widgets = [for name, alarm in local.alarms : {
      type       = "metric", x = 0, y = 0, width = 12, height = 6,
      properties = { metrics = [[alarm.namespace, alarm.metric]], region = local.region, title = name }
    }]
  })
}
