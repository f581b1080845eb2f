// harbor_go drives Harbor's own Go client, the library that harbor-cli is built on, through a tour of a registry.
//
//	harbor_go URL USER PASSWORD PROJECT/REPOSITORY:TAG
//
// The image must be there. The client takes any status that Harbor does not document for an operation as an error. One line is
// printed for every step; the first one that fails ends the program with status 1.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/goharbor/go-client/pkg/harbor"
	v2 "github.com/goharbor/go-client/pkg/sdk/v2.0/client"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/artifact"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/auditlog"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/configure"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/health"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/label"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/member"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/permissions"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/ping"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/project"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/project_metadata"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/quota"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/repository"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/robot"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/search"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/statistic"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/systeminfo"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/client/user"
	"github.com/goharbor/go-client/pkg/sdk/v2.0/models"
)

type tour struct {
	api                             *v2.HarborAPI
	ctx                             context.Context
	project, repository, tag, fresh string
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: harbor_go URL USER PASSWORD PROJECT/REPOSITORY:TAG")
		os.Exit(2)
	}
	set, err := harbor.NewClientSet(&harbor.ClientSetConfig{URL: os.Args[1], Username: os.Args[2], Password: os.Args[3]})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	name, tag, _ := strings.Cut(os.Args[4], ":")
	owner, repo, _ := strings.Cut(name, "/")
	t := &tour{api: set.V2(), ctx: context.Background(), project: owner, repository: repo, tag: tag, fresh: "go-" + owner}
	t.system()
	t.projects()
	t.people()
	t.artifacts()
	t.robots()
	t.cleanUp()
	fmt.Println("done")
}

func step(name string, err error) {
	if err != nil {
		fmt.Printf("FAILED %s: %v\n", name, err)
		os.Exit(1)
	}
	fmt.Println("ok", name)
}

func want(name string, holds bool, found any) {
	if !holds {
		step(name, fmt.Errorf("unexpected: %+v", found))
	}
}

func number(location string) int64 {
	parts := strings.Split(location, "/")
	id, err := strconv.ParseInt(parts[len(parts)-1], 10, 64)
	step("an id in the location", err)
	return id
}

func pointer[T any](value T) *T { return &value }

func (t *tour) system() {
	_, err := t.api.Ping.GetPing(t.ctx, ping.NewGetPingParams())
	step("ping", err)
	healthy, err := t.api.Health.GetHealth(t.ctx, health.NewGetHealthParams())
	step("health", err)
	want("health", healthy.Payload.Status == "healthy", healthy.Payload)
	_, err = t.api.Systeminfo.GetSystemInfo(t.ctx, systeminfo.NewGetSystemInfoParams())
	step("systeminfo", err)
	_, err = t.api.Statistic.GetStatistic(t.ctx, statistic.NewGetStatisticParams())
	step("statistics", err)
	_, err = t.api.Permissions.GetPermissions(t.ctx, permissions.NewGetPermissionsParams())
	step("permissions", err)
	settings, err := t.api.Configure.GetConfigurations(t.ctx, configure.NewGetConfigurationsParams())
	step("configurations", err)
	want("configurations", settings.Payload.RobotNamePrefix != nil, settings.Payload)
	change := &models.Configurations{TokenExpiration: pointer(int64(15))}
	_, err = t.api.Configure.UpdateConfigurations(t.ctx, configure.NewUpdateConfigurationsParams().WithConfigurations(change))
	step("change a configuration", err)
	me, err := t.api.User.GetCurrentUserInfo(t.ctx, user.NewGetCurrentUserInfoParams())
	step("current user", err)
	want("current user", me.Payload.SysadminFlag, me.Payload)
}

func (t *tour) projects() {
	body := &models.ProjectReq{ProjectName: t.fresh, Metadata: &models.ProjectMetadata{Public: "false"}, StorageLimit: pointer(int64(1 << 30))}
	_, err := t.api.Project.CreateProject(t.ctx, project.NewCreateProjectParams().WithProject(body))
	step("create a project", err)
	_, err = t.api.Project.CreateProject(t.ctx, project.NewCreateProjectParams().WithProject(body))
	_, isConflict := err.(*project.CreateProjectConflict)
	want("create it again", isConflict, err)
	found, err := t.api.Project.GetProject(t.ctx, project.NewGetProjectParams().WithProjectNameOrID(t.fresh))
	step("get the project", err)
	id := strconv.FormatInt(int64(found.Payload.ProjectID), 10)
	_, err = t.api.Project.GetProject(t.ctx, project.NewGetProjectParams().WithProjectNameOrID(id))
	step("get it by id", err)
	listed, err := t.api.Project.ListProjects(t.ctx, project.NewListProjectsParams().WithName(pointer(t.fresh)))
	step("list projects", err)
	want("list projects", len(listed.Payload) == 1 && listed.XTotalCount == 1, listed)
	_, err = t.api.Project.HeadProject(t.ctx, project.NewHeadProjectParams().WithProjectName(t.fresh))
	step("head of the project", err)
	update := &models.ProjectReq{Metadata: &models.ProjectMetadata{Public: "true"}}
	_, err = t.api.Project.UpdateProject(t.ctx, project.NewUpdateProjectParams().WithProjectNameOrID(t.fresh).WithProject(update))
	step("update the project", err)
	_, err = t.api.Project.GetProjectSummary(t.ctx, project.NewGetProjectSummaryParams().WithProjectNameOrID(t.fresh))
	step("summary", err)
	_, err = t.api.ProjectMetadata.UpdateProjectMetadata(t.ctx, project_metadata.NewUpdateProjectMetadataParams().
		WithProjectNameOrID(t.fresh).WithMetaName("auto_scan").WithMetadata(map[string]string{"auto_scan": "true"}))
	step("update metadata", err)
	quotas, err := t.api.Quota.ListQuotas(t.ctx, quota.NewListQuotasParams().WithReference(pointer("project")).WithReferenceID(pointer(id)))
	step("list quotas", err)
	want("list quotas", len(quotas.Payload) == 1, quotas)
	limit := &models.QuotaUpdateReq{Hard: models.ResourceList{"storage": 2 << 30}}
	_, err = t.api.Quota.UpdateQuota(t.ctx, quota.NewUpdateQuotaParams().WithID(quotas.Payload[0].ID).WithHard(limit))
	step("update the quota", err)
}

func (t *tour) people() {
	body := &models.UserCreationReq{Username: t.fresh, Email: t.fresh + "@example.com", Realname: "Go", Password: "Harbor12345"}
	made, err := t.api.User.CreateUser(t.ctx, user.NewCreateUserParams().WithUserReq(body))
	step("create a user", err)
	id := number(made.Location)
	_, err = t.api.User.GetUser(t.ctx, user.NewGetUserParams().WithUserID(id))
	step("get the user", err)
	found, err := t.api.User.SearchUsers(t.ctx, user.NewSearchUsersParams().WithUsername(t.fresh))
	step("search users", err)
	want("search users", len(found.Payload) == 1, found)
	entry := &models.ProjectMember{RoleID: 2, MemberUser: &models.UserEntity{Username: t.fresh}}
	joined, err := t.api.Member.CreateProjectMember(t.ctx, member.NewCreateProjectMemberParams().WithProjectNameOrID(t.fresh).WithProjectMember(entry))
	step("create a member", err)
	mid := number(joined.Location)
	_, err = t.api.Member.UpdateProjectMember(t.ctx, member.NewUpdateProjectMemberParams().
		WithProjectNameOrID(t.fresh).WithMid(mid).WithRole(&models.RoleRequest{RoleID: 4}))
	step("update the member", err)
	members, err := t.api.Member.ListProjectMembers(t.ctx, member.NewListProjectMembersParams().WithProjectNameOrID(t.fresh))
	step("list members", err)
	want("list members", members.XTotalCount == 2, members)
	_, err = t.api.Member.DeleteProjectMember(t.ctx, member.NewDeleteProjectMemberParams().WithProjectNameOrID(t.fresh).WithMid(mid))
	step("delete the member", err)
	_, err = t.api.User.DeleteUser(t.ctx, user.NewDeleteUserParams().WithUserID(id))
	step("delete the user", err)
}

func (t *tour) artifacts() {
	// Harbor's clients encode the slash of a repository's name once themselves and once more on the wire.
	name := url.PathEscape(t.repository)
	_, err := t.api.Repository.GetRepository(t.ctx, repository.NewGetRepositoryParams().WithProjectName(t.project).WithRepositoryName(name))
	step("get the repository", err)
	repositories, err := t.api.Repository.ListRepositories(t.ctx, repository.NewListRepositoriesParams().WithProjectName(t.project))
	step("list repositories", err)
	want("list repositories", repositories.XTotalCount == 1, repositories)
	listed, err := t.api.Artifact.ListArtifacts(t.ctx, artifact.NewListArtifactsParams().WithProjectName(t.project).WithRepositoryName(name).WithWithTag(pointer(true)))
	step("list artifacts", err)
	want("list artifacts", len(listed.Payload) == 1 && listed.Payload[0].Tags[0].Name == t.tag, listed)
	_, err = t.api.Artifact.GetArtifact(t.ctx, artifact.NewGetArtifactParams().WithProjectName(t.project).WithRepositoryName(name).WithReference(t.tag))
	step("get the artifact", err)
	_, err = t.api.Artifact.CreateTag(t.ctx, artifact.NewCreateTagParams().WithProjectName(t.project).WithRepositoryName(name).WithReference(t.tag).WithTag(&models.Tag{Name: "second"}))
	step("create a tag", err)
	tags, err := t.api.Artifact.ListTags(t.ctx, artifact.NewListTagsParams().WithProjectName(t.project).WithRepositoryName(name).WithReference(t.tag))
	step("list tags", err)
	want("list tags", tags.XTotalCount == 2, tags)
	made, err := t.api.Label.CreateLabel(t.ctx, label.NewCreateLabelParams().WithLabel(&models.Label{Name: t.fresh, Scope: "g", Color: "#FF0000"}))
	step("create a label", err)
	id := number(made.Location)
	_, err = t.api.Artifact.AddLabel(t.ctx, artifact.NewAddLabelParams().WithProjectName(t.project).WithRepositoryName(name).WithReference(t.tag).WithLabel(&models.Label{ID: id}))
	step("label the artifact", err)
	_, err = t.api.Artifact.RemoveLabel(t.ctx, artifact.NewRemoveLabelParams().WithProjectName(t.project).WithRepositoryName(name).WithReference(t.tag).WithLabelID(id))
	step("take the label off", err)
	_, err = t.api.Label.DeleteLabel(t.ctx, label.NewDeleteLabelParams().WithLabelID(id))
	step("delete the label", err)
	_, err = t.api.Artifact.DeleteTag(t.ctx, artifact.NewDeleteTagParams().WithProjectName(t.project).WithRepositoryName(name).WithReference(t.tag).WithTagName("second"))
	step("delete a tag", err)
	source := fmt.Sprintf("%s/%s:%s", t.project, t.repository, t.tag)
	_, err = t.api.Artifact.CopyArtifact(t.ctx, artifact.NewCopyArtifactParams().WithProjectName(t.fresh).WithRepositoryName("copy").WithFrom(source))
	step("copy the artifact", err)
	results, err := t.api.Search.Search(t.ctx, search.NewSearchParams().WithQ(t.fresh))
	step("search", err)
	want("search", len(results.Payload.Repository) == 1, results)
	logs, err := t.api.Auditlog.ListAuditLogExts(t.ctx, auditlog.NewListAuditLogExtsParams().WithQ(pointer("operation=create")))
	step("audit log", err)
	want("audit log", len(logs.Payload) > 0, logs)
}

func (t *tour) robots() {
	access := []*models.Access{{Resource: "repository", Action: "pull"}, {Resource: "repository", Action: "push"}}
	body := &models.RobotCreate{Name: t.fresh, Level: "project", Duration: 30, Permissions: []*models.RobotPermission{{Kind: "project", Namespace: t.fresh, Access: access}}}
	made, err := t.api.Robot.CreateRobot(t.ctx, robot.NewCreateRobotParams().WithRobot(body))
	step("create a robot", err)
	want("create a robot", made.Payload.Secret != "", made.Payload.Name)
	found, err := t.api.Robot.GetRobotByID(t.ctx, robot.NewGetRobotByIDParams().WithRobotID(made.Payload.ID))
	step("get the robot", err)
	found.Payload.Disable = true
	_, err = t.api.Robot.UpdateRobot(t.ctx, robot.NewUpdateRobotParams().WithRobotID(made.Payload.ID).WithRobot(found.Payload))
	step("update the robot", err)
	_, err = t.api.Robot.RefreshSec(t.ctx, robot.NewRefreshSecParams().WithRobotID(made.Payload.ID).WithRobotSec(&models.RobotSec{}))
	step("refresh the robot's secret", err)
	_, err = t.api.Robot.ListRobot(t.ctx, robot.NewListRobotParams())
	step("list robots", err)
	_, err = t.api.Robot.DeleteRobot(t.ctx, robot.NewDeleteRobotParams().WithRobotID(made.Payload.ID))
	step("delete the robot", err)
}

func (t *tour) cleanUp() {
	_, err := t.api.Project.DeleteProject(t.ctx, project.NewDeleteProjectParams().WithProjectNameOrID(t.fresh))
	_, isInTheWay := err.(*project.DeleteProjectPreconditionFailed)
	want("delete a project that has a repository", isInTheWay, err)
	_, err = t.api.Repository.DeleteRepository(t.ctx, repository.NewDeleteRepositoryParams().WithProjectName(t.fresh).WithRepositoryName("copy"))
	step("delete the repository", err)
	_, err = t.api.Project.DeleteProject(t.ctx, project.NewDeleteProjectParams().WithProjectNameOrID(t.fresh))
	step("delete the project", err)
	var certificate bytes.Buffer
	_, err = t.api.Systeminfo.GetCert(t.ctx, systeminfo.NewGetCertParams(), &certificate)
	_, isAbsent := err.(*systeminfo.GetCertNotFound)
	want("no certificate to download", isAbsent, err)
}
